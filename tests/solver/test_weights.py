import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical

from molweight.solver.weights import (
    DECAY,
    PARAMETRISATIONS,
    GradientScale,
    evidence,
    find_parametrisation,
    keep_entropy,
    pullback,
    signal_to_noise,
    softmax,
    strength,
    uniform_weights,
)

values = st.lists(st.floats(-30, 30), min_size=2, max_size=9).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)


@given(values)
def test_shares_are_positive_sum_to_one_and_keep_the_order(logits):
    shares = softmax(logits)
    assert shares.sum() == pytest.approx(1)
    assert shares.min() > 0
    assert (shares[logits.argsort()].diff() >= 0).all()


@given(values)
def test_strength_multiplies_the_shares_and_can_go_to_zero(logits):
    weights = strength(logits)
    assert weights.sum() == pytest.approx(2 * torch.sigmoid(logits[-1]).item())
    assert torch.allclose(weights / weights.sum(), softmax(logits[:-1]))
    assert strength(torch.tensor([0.0, 0.0, -200.0])).sum() < 1e-30


@pytest.mark.parametrize("name", PARAMETRISATIONS)
def test_logits_of_zero_are_equal_weights_of_sum_one(name):
    found = find_parametrisation(name)
    assert found.weights(torch.zeros(4 + found.extra)).tolist() == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("name", PARAMETRISATIONS)
@given(data=st.data())
def test_pullback_is_the_transposed_jacobian(name, data):
    logits = data.draw(values)
    found = find_parametrisation(name)
    gradient = torch.linspace(-1, 2, len(logits) - found.extra, dtype=torch.float64)
    jacobian = torch.func.jacrev(found.weights)(logits)
    assert torch.allclose(pullback(name, logits, gradient), jacobian.T @ gradient, atol=1e-12)


@given(values, st.floats(-10, 10))
def test_shares_ignore_what_all_objectives_gain(logits, shift):
    gradient = torch.linspace(-1, 2, len(logits), dtype=torch.float64)
    found = pullback("softmax", logits, gradient)
    assert found.sum().abs() < 1e-12
    assert torch.allclose(pullback("softmax", logits, gradient + shift), found, atol=1e-12)


def test_an_unknown_parametrisation_is_given_with_those_there_are():
    with pytest.raises(ValueError, match=r"\['softmax', 'strength'\], got 'sigmoid'"):
        find_parametrisation("sigmoid")


def test_uniform_weights():
    assert uniform_weights(["a", "b", "c"]) == {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}


@given(values, st.floats(0, 1))
def test_the_entropy_floor_is_reached_and_not_passed(logits, floor):
    least, before = floor * math.log(len(logits)), Categorical(logits=logits).entropy().item()
    kept = keep_entropy(logits, floor)
    after = Categorical(logits=kept).entropy().item()
    assert after >= least - 1e-9
    if before >= least:
        assert kept is logits
    elif floor < 1 - 1e-6:
        assert after == pytest.approx(least, abs=1e-6)
    assert torch.equal(kept[logits.argsort()], kept.sort().values)


@pytest.mark.parametrize(
    ("series", "expected"), [([1.0, 2.0, 3.0], 2.0), ([-4.0, -2.0], 3 / math.sqrt(2)), ([1.0, 1.0], math.inf)]
)
def test_signal_to_noise(series, expected):
    assert signal_to_noise(series) == pytest.approx(expected)
    assert math.isnan(signal_to_noise(series[:1]))


def test_gradient_scale_is_a_running_mean_for_each_name():
    scale = GradientScale()
    for norm in (4.0, 2.0, 1.0):
        scale.update("a", norm)
    scale.update("b", 7.0)
    assert DECAY == 0.95
    assert scale["a"] == pytest.approx(0.95 * (0.95 * 4 + 0.05 * 2) + 0.05 * 1)
    assert scale["b"] == 7
    assert scale["unseen"] == 1


def test_gradient_scale_ignores_zeros():
    scale = GradientScale(norms={"a": 4.0})
    scale.update("a", 0.0)
    scale.update("b", 0.0)
    assert (scale["a"], scale["b"]) == (4, 1)


def test_evidence_is_the_mean_cosine_and_the_late_signal_over_its_noise():
    slopes = [math.nan, 100.0, 1.0, 2.0, 3.0]
    found = evidence([math.nan, 0.1, 0.2, 0.3, 0.4], slopes, window=3)
    assert found == {"cosine": pytest.approx(0.25), "signal_to_noise": pytest.approx(2.0)}
    assert all(math.isnan(value) for value in evidence([math.nan], [math.nan]).values())
