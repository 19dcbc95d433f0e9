import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molweight.solver.weights import DECAY, GradientScale, softmax_pullback, softmax_weights, uniform_weights

logits = st.lists(st.floats(-30, 30), min_size=1, max_size=8)


@given(logits)
def test_shares_are_positive_sum_to_one_and_keep_the_order(values):
    names = [str(i) for i in range(len(values))]
    shares = softmax_weights(names, torch.tensor(values, dtype=torch.float64))
    assert list(shares) == names
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0
    assert sorted(names, key=lambda n: (shares[n], n)) == sorted(
        names, key=lambda n: (values[int(n)], n)
    ) or (
        len(set(shares.values())) < len(set(values))  # logits too near to each other for shares to differ
    )


@given(logits, st.floats(-10, 10))
def test_pullback_ignores_what_all_weights_share(values, shift):
    weights = torch.tensor(values, dtype=torch.float64).softmax(0)
    gradient = torch.linspace(-1, 2, len(values), dtype=torch.float64)
    found = softmax_pullback(weights, gradient)
    assert found.sum().abs() < 1e-12
    assert torch.allclose(softmax_pullback(weights, gradient + shift), found, atol=1e-12)


def test_equal_logits_give_the_uniform_weights():
    names = ["a", "b", "c"]
    assert softmax_weights(names, torch.full((3,), 4.0)) == pytest.approx(uniform_weights(names))


def test_a_name_for_each_logit():
    with pytest.raises(ValueError, match="zip"):
        softmax_weights(["a"], torch.zeros(2))


def test_gradient_scale_is_a_running_mean_for_each_name():
    scale = GradientScale()
    for norm in (4.0, 2.0, 1.0):
        scale.update("a", norm)
    scale.update("b", 7.0)
    assert DECAY == 0.95
    assert scale["a"] == pytest.approx(0.95 * (0.95 * 4 + 0.05 * 2) + 0.05 * 1)
    assert scale["b"] == 7
    assert scale["unseen"] == 1
