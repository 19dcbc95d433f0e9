import pytest
import torch
from hypothesis import given, settings
from padded import SMILES, choices, pair

from molweight.encoders.message_passing import neighbour_sum
from molweight.encoders.tiles import TILE, Adjacency
from molweight.molecules.padding import Capacity, Sizes, collate_padded
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import join, keep_atoms

STORE = store_from_smiles([*SMILES, "C1" + "C" * (TILE - 1) + "C1", "C1" + "C" * TILE + "C1"])


@settings(max_examples=40)
@given(choices(), choices())
def test_products_are_sums_over_the_entries(first, second):
    """Also of views of which one has its padding in the middle, and of parts of molecules."""
    for spare in (20, 21):  # in tiles, and not
        (a, padded), (_, other) = pair(STORE, (*first[:2], spare)), pair(STORE, (*second[:2], spare))
        padded, other = (b.edit(reach=30 if spare == 20 else None) for b in (padded, other))
        h = torch.randn(padded.atoms, 7, dtype=torch.float64)
        assert torch.allclose(
            Adjacency.of(padded, h.dtype).times(h)[: a.atoms], neighbour_sum(h[: a.atoms], a)
        )
        for batch in (join(padded, other), keep_atoms(padded, torch.arange(padded.atoms) % 3 > 0)):
            h = torch.randn(batch.atoms, 7, dtype=torch.float64)
            adjacency = Adjacency.of(batch, h.dtype)
            assert (adjacency.tiles is None) == (spare == 21)
            assert torch.allclose(adjacency.times(h), neighbour_sum(h, batch))


@pytest.mark.parametrize(("number", "reach", "tiled"), [(14, TILE, True), (15, TILE + 1, False)])
def test_rings_up_to_the_size_of_a_tile_fit(number, reach, tiled):
    """Wherever in a tile they begin; a larger one is summed entry by entry."""
    for before in (0, 1, 40):
        molecules = torch.tensor([7] * before + [number, number])
        store = store_from_smiles([*SMILES, "C1" + "C" * (reach - 1) + "C1", "C1" + "C" * (reach - 1) + "C1"])
        assert Sizes.of(store).reach == reach
        batch = collate_padded(store, molecules, Capacity(2 * reach + 3 * before + 9, 2000, reach))
        h = torch.randn(batch.atoms, 3, dtype=torch.float64)
        adjacency = Adjacency.of(batch, h.dtype)
        assert (adjacency.tiles is not None) == tiled
        assert torch.allclose(adjacency.times(h), neighbour_sum(h, batch))


def test_a_store_of_single_atoms_reaches_nowhere():
    assert Sizes.of(store_from_smiles(["C", "N"])).reach == 0
