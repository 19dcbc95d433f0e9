"""Train, valid and test, each split a pure function of the SMILES and a seed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.scaffolds import scaffold_groups

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions of the molecules in each part."""

    train: Indices
    valid: Indices
    test: Indices

    @property
    def digest(self) -> str:
        """Short hash that two runs on the same split share."""
        parts = (self.train, self.valid, self.test)
        return sha256(b"|".join(np.asarray(p, "<i8").tobytes() for p in parts)).hexdigest()[:12]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of molecules in each part."""
        return {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}


Splitter = Callable[[Sequence[str], int], Split]


def scaffold_split(smiles: Sequence[str], seed: int = 0, *, chirality: bool = False) -> Split:
    """Largest scaffolds to train, the rarest to test, 8:1:1; the seed has no influence.

    Scaffolds are taken by falling size, ties by falling first position, and each goes whole to train
    while it fits, else to valid while that fits, else to test. Without chirality this is DeepChem's
    `ScaffoldSplitter`; with it, the split of Hu et al. (ICLR 2020) and the GIN literature.
    """
    groups = sorted(scaffold_groups(smiles, chirality), key=lambda g: (len(g), g[0]), reverse=True)
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for group in groups:
        if len(train) + len(group) <= 0.8 * len(smiles):
            train += group
        elif len(train) + len(valid) + len(group) <= 0.9 * len(smiles):
            valid += group
        else:
            test += group
    return _split(train, valid, test)


def random_scaffold_split(smiles: Sequence[str], seed: int) -> Split:
    """Whole scaffolds in random order to valid and test while they fit, the rest to train (8:1:1)."""
    groups = scaffold_groups(smiles)
    room = len(smiles) // 10
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for g in np.random.default_rng(seed).permutation(len(groups)):
        if len(valid) + len(groups[g]) <= room:
            valid += groups[g]
        elif len(test) + len(groups[g]) <= room:
            test += groups[g]
        else:
            train += groups[g]
    return _split(train, valid, test)


def random_split(smiles: Sequence[str], seed: int) -> Split:
    """Molecules in random order, 8:1:1."""
    order = np.random.default_rng(seed).permutation(len(smiles))
    first, second = int(0.8 * len(order)), int(0.9 * len(order))
    return _split(order[:first], order[first:second], order[second:])


SPLITTERS: dict[str, Splitter] = {
    "scaffold": scaffold_split,
    "chiral-scaffold": partial(scaffold_split, chirality=True),
    "random-scaffold": random_scaffold_split,
    "random": random_split,
}
SEEDED = frozenset({"random-scaffold", "random"})  # the others give the same split for every seed


def _split(train: Iterable[int], valid: Iterable[int], test: Iterable[int]) -> Split:
    return Split(*(np.array(list(part), np.int64) for part in (train, valid, test)))
