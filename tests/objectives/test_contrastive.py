import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.vocabulary import MASK_ATOM
from molweight.objectives.graph.contrastive import Contrastive, nt_xent

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCCCCCCCCC", "C", "CC(=O)[O-].[Na+]"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_pair_has_nothing_to_be_told_from():
    z = torch.randn(2, 5, dtype=torch.float64)
    assert nt_xent(z, 0.1) == 0


def test_equal_rows_lose_the_logarithm_of_the_others():
    assert nt_xent(torch.ones(8, 3), 0.5).item() == pytest.approx(math.log(7), rel=1e-6)


def test_partners_that_agree_and_differ_from_all_others_lose_nothing():
    z = torch.eye(4, dtype=torch.float64).repeat(2, 1)
    assert nt_xent(z, 0.01) < 1e-12
    assert nt_xent(z.roll(1, 0), 0.01) < 1e-12  # rows i and i + n are still the partners
    assert nt_xent(torch.cat([z[:4], z[4:].roll(1, 0)]), 0.01) > 50


@settings(max_examples=20)
@given(st.integers(1, 6), st.floats(0.05, 2), st.integers(0, 1000))
def test_neither_length_of_rows_nor_order_of_pairs_matters(pairs, temperature, seed):
    z = torch.randn(2 * pairs, 4, generator=generator(seed), dtype=torch.float64)
    order = torch.randperm(pairs, generator=generator(seed))
    lengths = torch.rand(2 * pairs, 1, generator=generator(seed + 1), dtype=torch.float64) + 0.1
    changed = (lengths * z)[torch.cat([order, order + pairs])]
    assert torch.allclose(nt_xent(changed, temperature), nt_xent(z, temperature), rtol=1e-9, atol=1e-12)


def test_two_views_lose_atoms_and_bonds_of_their_own(recorder):
    batch = collate(store_from_smiles(SMILES), torch.arange(4))
    encoder, rate = recorder(torch.randn(MASK_ATOM + 1, 6)), 0.3
    Contrastive(6, rate)(encoder, batch, generator())
    (views,), n = encoder.seen, batch.atoms
    assert views.sizes.tolist() == 2 * batch.sizes.tolist()
    masked = (views.atom_type == MASK_ATOM).view(2, n)
    bonds = set(zip(batch.receiver.tolist(), batch.neighbour.tolist(), strict=True))
    kept = list(zip(views.receiver.tolist(), views.neighbour.tolist(), strict=True))
    halves = [{(u - v * n, w - v * n) for u, w in kept if u // n == v} for v in range(2)]
    for view in range(2):
        counts = torch.bincount(batch.molecule[masked[view]], minlength=4).tolist()
        assert counts == [int(rate * size) + 1 for size in batch.sizes.tolist()]
        assert torch.equal(views.atom_type.view(2, n)[view][~masked[view]], batch.atom_type[~masked[view]])
        assert {(a, a) for a in range(n)} <= halves[view] < bonds
        assert {(w, u) for u, w in halves[view]} == halves[view]
    assert not torch.equal(*masked)
    assert halves[0] != halves[1]


def test_a_view_drops_its_rate_of_bonds(recorder):
    batch, encoder = collate(store_from_smiles(["C" * 60]), torch.tensor([0])), recorder(torch.randn(120, 6))
    for seed in range(150):
        Contrastive(6, rate=0.2)(encoder, batch, generator(seed))
    kept = sum(len(views.neighbour) - views.atoms for views in encoder.seen)
    assert kept / (150 * 2 * 2 * 59) == pytest.approx(0.8, abs=0.01)
