"""Training on a padded batch against the composed layers on the unpadded one, in double precision."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from padded import SMILES, choices, pair, well_conditioned
from torch import nn

from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles

TIGHT = {"rtol": 1e-10, "atol": 1e-10}
STORE = store_from_smiles(SMILES)


def encoder(seed: int, layers: int = 3, width: int = 10) -> GIN:
    torch.manual_seed(seed)
    made = GIN(layers, width, kernel="torch").double()
    with torch.no_grad():
        for p in made.parameters():  # no bias and no shift at zero
            p.add_(0.3 * torch.randn_like(p))
    return well_conditioned(made)


def assert_same_state(first: nn.Module, second: nn.Module, what: str) -> None:
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, **TIGHT), (what, name)
    for (name, a), b in zip(first.named_buffers(), second.buffers(), strict=True):
        assert torch.allclose(a.double(), b.double(), **TIGHT), (what, name)


@settings(max_examples=40)
@given(choices(), st.integers(0, 5))
def test_outputs_gradients_and_running_statistics_are_those_of_the_unpadded_batch(choice, seed):
    """Single atoms, salts and a lone atom, which has no statistics, among them."""
    plain, padded = pair(STORE, choice)
    first, second = encoder(seed), encoder(seed)
    h, found = first(plain), second(padded)
    assert found.shape == (padded.atoms, 10)
    assert torch.allclose(found[: plain.atoms], h, **TIGHT)
    towards = torch.randn_like(h)
    (h * towards).sum().backward()
    (found[: plain.atoms] * towards).sum().backward()
    assert_same_state(first, second, "encoder")


@settings(max_examples=40)
@given(choices(), st.booleans())
def test_molecules_are_those_of_the_unpadded_batch(choice, train):
    plain, padded = pair(STORE, choice)
    model = encoder(0).train(train)
    first, second = (mean_readout(copy.deepcopy(model)(b), b) for b in (plain, padded))
    assert first.shape == second.shape
    assert torch.allclose(first, second, **TIGHT)


def test_what_stands_in_padding_changes_nothing():
    plain, padded = pair(STORE, ([0, 3, 5], 9, 20))
    other = padded.edit(atom_type=torch.where(padded.real, padded.atom_type, 77))
    first, second = (encoder(1)(b)[: plain.atoms] for b in (padded, other))
    assert torch.equal(first, second)


def test_frozen_statistics_stay():
    _, padded = pair(STORE, ([0, 3, 5], 9, 20))
    model = encoder(2)
    for layer in model.gnn_layers:
        layer.bn.track_running_stats = False
    before = copy.deepcopy(model.state_dict())
    model(padded)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_half_precision_is_near_single():
    _, padded = pair(STORE, ([0, 4, 5, 10, 13], 9, 20))
    model = encoder(3, width=32).float()
    single = model(padded)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(padded)
    assert half.dtype == torch.bfloat16
    assert (half.float() - single)[padded.real].norm() < 0.03 * single[padded.real].norm()


def test_dropout_leaves_out_its_share_and_padding_no_trace():
    plain, padded = pair(STORE, ([0, 4, 5, 10, 13], 9, 20))
    model = encoder(4, layers=1, width=200)
    model.dropout = 0.5
    found = model(padded)[: plain.atoms]
    assert (found == 0).double().mean() == pytest.approx(0.5, abs=0.03)
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_a_second_derivative_is_refused():
    _, padded = pair(STORE, ([0, 4], 3, 3))
    model = encoder(5)
    loss = model(padded)[padded.real].square().sum()
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        torch.autograd.grad(loss, list(model.parameters()), create_graph=True)


def test_evaluation_takes_a_padded_batch_too():
    molecules = torch.arange(len(SMILES))
    plain, padded = pair(STORE, (molecules.tolist(), 5, 5))
    model = encoder(6).eval()
    assert torch.allclose(model(padded)[: plain.atoms], model(collate(STORE, molecules)), **TIGHT)
