"""Chosen molecules of several stores in one, such as those to pretrain on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.errors import DataError
from molweight.molecules.batch import ranges, spans
from molweight.molecules.store import Store
from molweight.molecules.store_file import LARGEST_OFFSET

OF_ATOMS, OF_ENTRIES = ("atom_type", "chirality", "degree"), ("neighbour", "bond")


def joined(parts: Sequence[tuple[Store, NDArray[np.int64]]]) -> Store:
    """One store of some molecules of each store, in order; its rows are counted from 0.

    Args:
        parts: stores on one device, and positions in each, int64 [molecules]; repeats are allowed.

    Raises:
        DataError: if together they have more than 2³¹ - 1 atoms or bond entries.
    """
    taken = [(store, torch.from_numpy(molecules).to(store.device)) for store, molecules in parts]
    atoms = [spans(store.atom_offsets, molecules) for store, molecules in taken]
    entries = [spans(store.entry_offsets, molecules) for store, molecules in taken]
    columns: dict[str, Any] = {
        name: torch.cat(
            [getattr(store, name)[ranges(*where)] for (store, _), where in zip(taken, owned, strict=True)]
        )
        for names, owned in ((OF_ATOMS, atoms), (OF_ENTRIES, entries))
        for name in names
    }
    sizes = [torch.cat([length for _, length in owned]) for owned in (atoms, entries)]
    rows = torch.arange(len(sizes[0]), device=sizes[0].device)
    return Store(rows, _offsets(sizes[0], "atoms"), _offsets(sizes[1], "bond entries"), **columns)


def _offsets(sizes: Tensor, what: str) -> Tensor:
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    if offsets[-1] > LARGEST_OFFSET:
        raise DataError(f"{int(offsets[-1]):,} {what} are too many for one store; join fewer molecules")
    return offsets.int()
