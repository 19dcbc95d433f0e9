"""A padded batch beside the unpadded one, and the same random choices for both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from molweight.encoders.batch_norm import BatchNorm
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.padding import Capacity, PaddedBatch, Sizes, collate_padded
from molweight.molecules.store import Store
from molweight.objectives.graph import context_prediction, corruption, edge_prediction

M = TypeVar("M", bound=nn.Module)

SMILES = [
    "CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C[C@H](N)C(=O)O", "*c1ccccc1", "CC#N", "CCO",
    "CC(=O)[O-].[Na+]", "C1CCCCCCCCCCCCC1", "CN1CCC[C@H]1c1cccnc1", "[NH3]->[Fe+2]", "CC", "OCC(O)CO",
]  # fmt: skip


def choices(least: int = 1) -> st.SearchStrategy[tuple[list[int], int, int]]:
    """Molecules, and spare atoms and entries of the capacity; an even number of entries is for tiles."""
    molecules = st.lists(st.integers(0, len(SMILES) - 1), min_size=least, max_size=40)
    return st.tuples(molecules, st.integers(1, 40), st.integers(0, 60))


def pair(store: Store, choice: tuple[list[int], int, int]) -> tuple[GraphBatch, PaddedBatch]:
    """The same molecules in both forms."""
    molecules, atoms, entries = torch.tensor(choice[0]), choice[1], choice[2]
    plain, sizes = collate(store, molecules), Sizes.of(store)
    reach = None if entries % 2 else sizes.reach
    capacity = Capacity(plain.atoms + atoms, len(plain.neighbour) + entries, reach)
    assert sizes.fit(molecules, capacity)
    return plain, collate_padded(store, molecules, capacity)


def well_conditioned(module: M) -> M:
    """The module, which does not blow up rounding where all rows are equal: they have no variance.

    Normalised, such rows are the shift alone, which must not lie at the kink of a ReLU.
    """
    for part in module.modules():
        if isinstance(part, BatchNorm):
            part.eps = 0.1
            part.bias.data = torch.linspace(-0.5, 0.45, len(part.bias)).to(part.bias)
    return module


@contextmanager
def same_choices(seed: int = 0) -> Iterator[None]:
    """Random numbers that depend on the call and the place alone, and not on how many there are."""
    calls: dict[type, int] = {}

    def uniform(count: int, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        call = calls[type(batch)] = calls.get(type(batch), 0) + 1
        drawn = torch.rand(4096, generator=torch.Generator().manual_seed(97 * seed + call))
        return drawn[:count].double().to(batch.sizes.device)

    def other(usable: Tensor, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """The one before, in the circle of those that are usable."""
        member, _ = batch.positions(usable, len(usable))
        return member[(usable.cumsum(0) - 2) % usable.sum().clamp(min=1)]

    with (
        patch.object(corruption, "uniform", uniform),
        patch.object(edge_prediction, "uniform", uniform),
        patch.object(context_prediction, "choose_other", other),
    ):
        yield
