"""Arrays back from a file that anyone may have changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from molweight.errors import CheckpointError

Arrays = Mapping[str, NDArray[Any]]


def stored(arrays: Arrays, name: str, dtype: DTypeLike, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """One of the arrays, checked.

    Args:
        arrays: by name.
        name: of the one to take.
        dtype: that it must have.
        shape: that it must have; None for any length.

    Raises:
        CheckpointError: if it is missing or of another type or shape.
    """
    if name not in arrays:
        raise CheckpointError(f"no array {name!r} in the file; write it anew")
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(
        w in (None, f) for w, f in zip(shape, found.shape, strict=True)
    )
    if found.dtype != np.dtype(dtype) or not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise CheckpointError(
            f"array {name!r} is {found.dtype} {list(found.shape)}, not {np.dtype(dtype)} [{wanted}]; "
            "the file was changed or belongs to another version"
        )
    return found


def refuse_unless(sound: bool, name: str, wrong: str) -> None:
    """Refuse an array whose values cannot be.

    Raises:
        CheckpointError: unless `sound`.
    """
    if not sound:
        raise CheckpointError(f"array {name!r} {wrong}; the file was changed or damaged")
