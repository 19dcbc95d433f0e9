"""The text domain: the same solver on a transformer."""
