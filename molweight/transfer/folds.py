"""Folds of whole compounds or scaffolds, and samples that grow: a smaller one begins a larger."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.folds import deal
from molweight.molecules.scaffolds import scaffold_groups
from molweight.screening.facts import grouped
from molweight.tasks.data import TaskKind
from molweight.transfer.data import Labels, TransferData

FoldKind = Literal["compound", "scaffold"]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """One division into molecules to learn from and to test on.

    Attributes:
        orders: of each task, its train molecules in the order in which samples take them, int64.
        tests: of each task, its test molecules, int64.
    """

    orders: tuple[Positions, ...]
    tests: tuple[Positions, ...]


def make_folds(data: TransferData, kind: FoldKind, folds: int, seed: int) -> tuple[Fold, ...]:
    """Divide the molecules; each is tested on in one fold.

    Args:
        data: molecules and labels.
        kind: compound keeps stereoisomers and duplicates in one fold, scaffold whole Murcko scaffolds.
        folds: how many.
        seed: of the division and the orders.
    """
    groups = scaffold_groups(data.smiles) if kind == "scaffold" else list(grouped(data.flat).values())
    member = deal(groups, folds, seed)
    return tuple(_fold(data, member, fold, seed) for fold in range(folds))


def growing_order(molecules: Positions, labels: Labels, kind: TaskKind, seed: int) -> Positions:
    """An order whose every beginning is a sample of the molecules; of classes, in their proportions.

    The first two of classes are one of each, so that any sample of two can be learned from.

    Args:
        molecules: to choose from.
        labels: of these, [molecules].
        kind: of the task.
        seed: of the order.
    """
    generator = np.random.default_rng(seed)
    if kind == "regression":
        return generator.permutation(molecules)
    place = np.empty(len(molecules))
    for label in (0, 1):
        mine = generator.permutation(np.flatnonzero(labels == label))
        place[mine] = (np.arange(len(mine)) + generator.random(len(mine))) / max(len(mine), 1)
        place[mine[:1]] = -1
    return molecules[np.argsort(place, kind="stable")]


def _fold(data: TransferData, member: Positions, fold: int, seed: int) -> Fold:
    orders, tests = [], []
    for task, labels in enumerate(data.labels.T):
        present = ~np.isnan(labels)
        train = np.flatnonzero(present & (member != fold))
        orders.append(growing_order(train, labels[train], data.kind, _mixed(seed, fold, task)))
        tests.append(np.flatnonzero(present & (member == fold)))
    return Fold(tuple(orders), tuple(tests))


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
