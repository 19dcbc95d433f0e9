"""Planted truth: do the learned weights find an objective that leaks the target, and drop one of noise?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.benchmarks.planted_report import LEAK, NOISE
from molweight.encoders.compute import Compute, at_least_float32
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import Store
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives
from molweight.tasks.data import Scaler, TaskData, TaskKind, as_tensor
from molweight.tasks.losses import masked_loss
from molweight.tasks.problems import start_at_base_rate

Rows = NDArray[np.int64]


class Supervised(nn.Module):
    """An objective that predicts the labels of its own molecules, whatever batch it is given.

    Args:
        width: the encoder's.
        store: graphs of all molecules.
        molecules: positions of its own in the store.
        labels: of its own, [molecules, tasks], NaN where missing.
        kind: of the tasks.
        batch_size: molecules drawn for each loss.
    """

    def __init__(
        self, width: int, store: Store, molecules: Tensor, labels: Tensor, kind: TaskKind, batch_size: int
    ) -> None:
        super().__init__()
        self.store, self.molecules, self.labels = store, molecules, labels
        self.kind, self.batch_size = kind, batch_size
        self.head = nn.Linear(width, labels.shape[1])
        start_at_base_rate(self.head, labels, kind)  # as the property head

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the labels present of the molecules drawn, a scalar."""
        drawn = torch.randperm(len(self.molecules), generator=generator)[: self.batch_size]
        drawn = drawn.to(self.molecules.device)
        graphs = collate(self.store, self.molecules[drawn])
        predicted = at_least_float32(self.head(mean_readout(encoder(graphs), graphs)))
        return masked_loss(predicted, self.labels[drawn], self.kind)


def divide(rows: Rows, generator: np.random.Generator) -> tuple[Rows, Rows, Rows]:
    """At random: a quarter to train on, a quarter to judge by, half to hold back."""
    quarter = len(rows) // 4
    valid, train, held = np.split(generator.permutation(rows), [quarter, 2 * quarter])
    return train, valid, held


@dataclass(frozen=True)
class Planted:
    """A data set whose held-back rows carry the planted objectives.

    Attributes:
        train: rows to learn from.
        valid: rows to judge by.
        held_back: rows that none but the planted objectives see.
        objectives: from what heads are made for, an encoder's width or an encoder of texts.
    """

    train: Rows
    valid: Rows
    held_back: Rows
    objectives: Callable[[Any], nn.ModuleDict]

    @property
    def sizes(self) -> dict[str, int]:
        """Rows in each part."""
        return {"train": len(self.train), "valid": len(self.valid), "held_back": len(self.held_back)}


def plant(
    data: TaskData,
    molecules: NDArray[np.int64],
    batch_size: int,
    compute: Compute,
    seed: int,
    beside: Sequence[str] = DEFAULT_GRAPH_OBJECTIVES,
) -> Planted:
    """Divide molecules at random: half are held back, a quarter is to train on, a quarter to judge by.

    One more objective predicts the labels of those held back, another the same labels shuffled among
    them. All parts come from one distribution, and most labels are in the leak: under a scaffold split, or
    with labels to spare, there might be nothing in it that the weights must find.

    Args:
        data: labels of other molecules are not read.
        molecules: to divide.
        batch_size: molecules to a loss of a planted objective.
        compute: device.
        seed: of the division and the shuffle.
        beside: names of the objectives that are not planted.
    """
    generator = np.random.default_rng(seed)
    train, valid, held = divide(molecules, generator)
    labels = Scaler.of(data.labels[train], data.kind).transform(data.labels[held])
    store, own = data.store.to(compute.device), as_tensor(held, compute.device)
    truths = {LEAK: labels, NOISE: generator.permutation(labels)}

    def objectives(width: int) -> nn.ModuleDict:
        found = graph_objectives(width, beside)
        for name, values in truths.items():
            known = torch.from_numpy(values).to(compute.device)
            found[name] = Supervised(width, store, own, known, data.kind, batch_size)
        return found

    return Planted(train, valid, held, objectives)
