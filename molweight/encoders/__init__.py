"""Networks from a batch of molecules to representations."""
