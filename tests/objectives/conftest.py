from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles


class Recorder(nn.Module):
    """In place of a GIN: keeps the batches it is shown, and represents an atom by the row of its type."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table, self.seen = nn.Parameter(table), []

    def forward(self, batch: GraphBatch) -> Tensor:
        self.seen.append(batch)
        return self.table[batch.atom_type]


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def numbered() -> Callable[[Sequence[str]], GraphBatch]:
    """A batch whose atom types are the atoms' numbers, so that a part of it can be traced back."""

    def make(smiles: Sequence[str]) -> GraphBatch:
        store = store_from_smiles(smiles)
        batch = collate(store, torch.arange(len(store)))
        return replace(batch, atom_type=torch.arange(batch.atoms))

    return make
