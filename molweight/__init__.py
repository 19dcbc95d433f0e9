"""molweight learns how much of each self-supervised objective to use from the downstream task itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molweight.screening.estimator import PropertyModel as PropertyModel

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`PropertyModel`, whose imports take seconds, only when it is asked for."""
    if name == "PropertyModel":
        from molweight.screening.estimator import PropertyModel

        return PropertyModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
