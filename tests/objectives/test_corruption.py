import copy
from fractions import Fraction
from math import floor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.objectives.graph.corruption import choose_atom_each, choose_atoms, choose_bonds, no_signal

STORE = store_from_smiles(["C" * n for n in (1, 2, 7, 20, 40, 100)])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=6),
    st.sampled_from(["0", "0.15", "0.2", "0.25", "0.5", "0.9"]),
    st.integers(0, 2**31),
)
def test_choose_atoms_takes_its_quota_without_rounding_away_an_atom(molecules, rate, seed):
    batch = collate(STORE, torch.tensor(molecules))
    chosen = choose_atoms(batch, float(rate), generator(seed))
    counts = torch.bincount(batch.molecule[chosen], minlength=batch.molecules).tolist()
    assert counts == [floor(Fraction(rate) * n) + 1 for n in batch.sizes.tolist()]


def test_each_bond_has_the_rate_and_two_of_an_atom_are_independent():
    batch, draws = collate(STORE, torch.tensor([2, 2])), 4000
    bonds = batch.receiver < batch.neighbour
    chosen = torch.stack([choose_bonds(batch, 0.3, generator(s))[bonds] for s in range(draws)]).double()
    assert torch.allclose(chosen.mean(0), torch.tensor(0.3, dtype=torch.float64), atol=0.04)
    both = chosen.T @ chosen / draws  # [bonds, bonds]
    apart = both[~torch.eye(len(both), dtype=torch.bool)]
    assert torch.allclose(apart, torch.tensor(0.09, dtype=torch.float64), atol=0.025)


def test_one_atom_of_each_molecule_is_uniform():
    batch, draws = collate(STORE, torch.tensor([2, 0, 1])), 3000
    drawn = torch.stack([choose_atom_each(batch, generator(seed)) for seed in range(draws)])
    assert (drawn[:, 1] == 7).all()
    shares = torch.bincount(drawn[:, 0], minlength=7) / draws
    assert torch.allclose(shares, torch.tensor(1 / 7), atol=0.03)


def test_choices_use_the_generator_alone():
    batch, before = collate(STORE, torch.arange(6)), torch.get_rng_state()
    for choose in (choose_atoms, choose_bonds):
        first = choose(batch, 0.5, generator(3))
        torch.rand(5)
        assert torch.equal(choose(batch, 0.5, generator(3)), first)
        assert not torch.equal(choose(batch, 0.5, generator(4)), first)
    torch.set_rng_state(before)


@pytest.mark.parametrize("kernel", ["torch", "dgl"])
def test_no_signal_is_a_zero_that_reaches_every_parameter_and_moves_none(kernel):
    pytest.importorskip(kernel)
    modules = GIN(2, 4), GIN(1, 4, kernel=kernel)
    before = [copy.deepcopy(m.state_dict()) for m in modules]
    loss = no_signal(collate(STORE, torch.arange(6)), *modules)
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for m in modules for p in m.parameters())
    for module, saved in zip(modules, before, strict=True):
        assert all(torch.equal(value, saved[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_extreme_rates_choose_no_bond_or_every_bond(rate):
    assert (choose_bonds(collate(STORE, torch.arange(6)), rate, generator()) == bool(rate)).all()
