"""Folds of molecules that stay together, such as those of one scaffold."""

from collections.abc import Sequence

import numpy as np

from molweight.errors import DataError
from molweight.molecules.scaffolds import scaffold_groups
from molweight.molecules.splits import Indices


def deal(groups: Sequence[Sequence[int]], folds: int, seed: int) -> Indices:
    """The fold of each position: groups from large to small, each to the emptiest fold.

    Args:
        groups: positions that stay together.
        folds: how many.
        seed: of the order of groups of one size.
    """
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    member = np.zeros(sum(map(len, groups)), np.int64)
    filled = np.zeros(folds, np.int64)
    for g in sorted(shuffled.tolist(), key=lambda g: len(groups[g]), reverse=True):
        emptiest = int(filled.argmin())
        member[list(groups[g])] = emptiest
        filled[emptiest] += len(groups[g])
    return member


def scaffold_parts(
    smiles: Sequence[str], molecules: Indices, folds: int, seed: int
) -> list[tuple[Indices, Indices]]:
    """For each fold of whole scaffolds, the molecules outside it and those inside.

    Args:
        smiles: of all molecules.
        molecules: positions to deal.
        folds: how many; as many as there are scaffolds where these are fewer.
        seed: of the order of scaffolds of one size.

    Raises:
        DataError: if all molecules have one scaffold.
    """
    groups = scaffold_groups([smiles[i] for i in molecules])
    if len(groups) < 2:
        raise DataError(f"all {len(molecules)} molecules have one scaffold, and nothing can be held out")
    folds = min(folds, len(groups))
    member = deal(groups, folds, seed)
    return [(molecules[member != fold], molecules[member == fold]) for fold in range(folds)]
