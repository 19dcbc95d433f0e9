import pytest
import torch

from molweight.encoders.dropout import dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    h = dropout(torch.ones(1_000, 301), rate, training=True)
    assert (h == 0).double().mean().item() == pytest.approx(rate, abs=0.005)
    assert h.mean().item() == pytest.approx(1, abs=0.02)
    assert len(h.unique()) == 2


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_every_element_is_dropped_as_often_as_the_others(rate):
    kept = torch.stack([dropout(torch.ones(3, 5), rate, training=True) != 0 for _ in range(3_000)])
    assert (kept.double().mean(0) - (1 - rate)).abs().max() < 0.04
    assert (kept[:, 0, 0] & kept[:, 0, 1]).double().mean().item() == pytest.approx((1 - rate) ** 2, abs=0.04)


def test_what_is_kept_is_the_value_scaled():
    h = torch.randn(20, 30)
    found = dropout(h, 0.25, training=True)
    kept = found != 0
    assert torch.allclose(found[kept], h[kept] / 0.75)
    assert 0 < kept.sum() < h.numel()


def test_the_gradient_goes_through_what_is_kept():
    h = torch.ones(20, 30, requires_grad=True)
    found = dropout(h, 0.5, training=True)
    found.sum().backward()
    assert torch.equal(h.grad, found.detach())


def test_dropout_is_reproducible_and_off_outside_training():
    h = torch.randn(9, 7)
    torch.manual_seed(3)
    first = dropout(h, 0.5, training=True)
    second = dropout(h, 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(dropout(h, 0.5, training=True), first)
    assert not torch.equal(first, second)
    assert dropout(h, 0.5, training=False) is h
    assert dropout(h, 0.0, training=True) is h


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (0, 4)])
def test_shape_and_dtype_are_kept(shape, dtype):
    found = dropout(torch.ones(shape, dtype=dtype), 0.5, training=True)
    assert found.shape == shape
    assert found.dtype == dtype
