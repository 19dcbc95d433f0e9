"""Versions of this program and of the packages that its numbers depend on."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("molweight", "torch", "dgl", "rdkit", "numpy", "scikit-learn")


def versions(others: Sequence[str] = ()) -> dict[str, str]:
    """Of this program and what its numbers depend on, and of other packages beside."""
    found = {}
    for package in (*_PACKAGES, *others):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
