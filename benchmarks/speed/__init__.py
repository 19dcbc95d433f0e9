"""What the program's own steps cost, against the nearest alternatives, on this machine."""
