"""Errors a user can mend: the command line prints them as one line and exits with code 2."""


class MolweightError(Exception):
    """Base of all errors whose text names the value at fault and the remedy."""


class DataError(MolweightError, ValueError):
    """Input data are missing, empty or cannot be read as what they should be."""


class CheckpointError(MolweightError):
    """A checkpoint cannot be found, read or fitted to the encoder."""


class ConfigError(MolweightError, ValueError):
    """An option has a value that does not exist or cannot work."""
