"""What featurising gives: graphs end to end in flat arrays, and the rows that are no molecules.

Numpy alone, so that stores open where RDKit is not installed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rejected:
    """A row that is not a molecule: its number in the input, its text and why."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class FlatGraphs:
    """Graphs of several molecules end to end; each atom's bonds are consecutive entries.

    A bond appears as two entries, one for each of its atoms, without self-loops. `neighbour` counts
    atoms within the molecule, and `bond` is type x 3 + direction.
    """

    rows: NDArray[np.int64]  # [molecules] input row
    atoms: NDArray[np.int32]  # [molecules] number of atoms
    entries: NDArray[np.int32]  # [molecules] number of entries
    atom_type: NDArray[np.uint8]  # [atoms]
    chirality: NDArray[np.uint8]  # [atoms]
    degree: NDArray[np.uint8]  # [atoms] number of entries
    neighbour: NDArray[np.int16]  # [entries]
    bond: NDArray[np.uint8]  # [entries]
    rejected: list[Rejected]
