"""molweight learns how much of each self-supervised objective to use from the downstream task itself."""

__version__ = "0.1.0"
