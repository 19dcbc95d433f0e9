"""Molecules with the labels of one or more tasks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.store import Store
from molweight.objectives import described
from molweight.solver.ranks import ALONE, Ranks

TaskKind = Literal["classification", "regression"]


@dataclass(frozen=True)
class TaskData:
    """A data set: one row for each molecule of the store.

    Attributes:
        smiles: of each molecule.
        store: their graphs.
        labels: float32 [molecules, tasks], NaN where missing; 0 or 1 for classification.
        tasks: names of the columns.
        kind: of all tasks.
    """

    smiles: Sequence[str]
    store: Store
    labels: NDArray[np.float32]
    tasks: tuple[str, ...]
    kind: TaskKind

    def hide_labels(self, molecules: NDArray[np.int64]) -> "TaskData":
        """The same data with the labels of some molecules missing."""
        labels = self.labels.copy()
        labels[molecules] = np.nan
        return replace(self, labels=labels)

    def for_heads(self, inputs: HeadInputs) -> "TaskData":
        """The same data, with what property heads are to read beside the graphs.

        Raises:
            DataError: if RDKit lacks one of the descriptors.
        """
        return replace(self, store=inputs.on(self.store, self.smiles))


@dataclass(frozen=True)
class Corpus:
    """Unlabelled molecules to pretrain on: SMILES of each molecule of the store, and their graphs."""

    smiles: Sequence[str]
    store: Store

    def __len__(self) -> int:
        return len(self.store)


@dataclass(frozen=True)
class LabelledBatch:
    """Graphs and the labels of their molecules.

    Attributes:
        labels: float32 [molecules, tasks], NaN where missing.
        divisor: of the sum of losses, where that is not the number of labels present.
    """

    graphs: GraphBatch
    labels: Tensor
    divisor: Tensor | None = None


@dataclass(frozen=True)
class Scaler:
    """Standardises regression targets by the labels it was made from; leaves classes as they are."""

    mean: NDArray[np.float32]  # [tasks]
    std: NDArray[np.float32]  # [tasks]

    @classmethod
    def of(cls, labels: NDArray[np.float32], kind: TaskKind) -> "Scaler":
        """From the train labels alone, [molecules, tasks]."""
        tasks = labels.shape[1]
        if kind == "classification":
            return cls(np.zeros(tasks, np.float32), np.ones(tasks, np.float32))
        present = [column[~np.isnan(column)] for column in labels.T]
        mean = [float(column.mean()) if len(column) else 0.0 for column in present]
        std = [float(column.std()) if len(column) else 0.0 for column in present]
        return cls(np.array(mean, np.float32), np.array([s if s > 0 else 1.0 for s in std], np.float32))

    def transform(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """To zero mean and unit variance."""
        return (labels - self.mean) / self.std

    def invert(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Back to the units of the data."""
        return values * self.std + self.mean


def labelled_batch(store: Store, labels: Tensor, molecules: Tensor, ranks: Ranks = ALONE) -> LabelledBatch:
    """Collate molecules with their rows of the label table, all on the store's device.

    A rank gets its share of them, and a divisor with which the mean loss of all ranks is that over all
    labels, however many fall to each.
    """
    mine = ranks.share(molecules)
    present = None if ranks.count == 1 else (~labels[molecules].isnan()).sum().clamp(min=1) / ranks.count
    return LabelledBatch(collate(store, mine), labels[mine], present)


def as_tensor(molecules: NDArray[np.int64], device: torch.device) -> Tensor:
    """Positions as an index tensor."""
    return torch.from_numpy(np.ascontiguousarray(molecules)).to(device)


def unlabelled_molecules(
    data: TaskData,
    train: NDArray[np.int64],
    corpus: Corpus | None,
    objectives: Iterable[str],
    device: torch.device,
) -> tuple[Store, Tensor]:
    """Graphs on a device, and positions of those to pretrain on: all of a corpus, or else the train part.

    Args:
        data: a data set.
        train: molecules of it.
        corpus: to take its place, if any.
        objectives: names of those that read the graphs; with them comes what they read beside.
        device: of the graphs.

    Raises:
        DataError: if RDKit lacks a descriptor.
    """
    chosen, source = (train, data) if corpus is None else (np.arange(len(corpus)), corpus)
    return described(source.store, source.smiles, objectives).to(device), as_tensor(chosen, device)
