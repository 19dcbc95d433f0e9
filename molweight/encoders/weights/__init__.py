"""The pretrained GIN that comes with the package, and its card."""
