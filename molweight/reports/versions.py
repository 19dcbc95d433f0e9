"""Versions of this program and of the packages that its numbers depend on."""

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("molweight", "torch", "dgl", "rdkit", "numpy", "scikit-learn")


def versions() -> dict[str, str]:
    """Of this program and what its numbers depend on."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
