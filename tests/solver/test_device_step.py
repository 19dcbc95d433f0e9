"""The step that waits for no value against the one that reports as it goes, in double precision."""

import math

import pytest
import torch
from torch import nn

from molweight.solver.device_step import device_step
from molweight.solver.steps import pretrain_step
from molweight.solver.weights import GradientScale, scale_after

WEIGHTS = {"steep": 0.7, "flat": 0.2, "idle": 0.1}


class Problem(nn.Module):
    """Three losses of an encoder of one layer; the last has no gradient in its first steps."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Linear(4, 3), nn.Linear(3, 2)
        self.objectives = nn.ModuleDict({name: nn.Identity() for name in WEIGHTS})
        self.factor = 0.0

    def forward(self, batch: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
        h = self.encoder(batch)
        return {
            "steep": 50 * (h - 1).square().mean(),
            "flat": 0.01 * self.head(h).exp().mean(),
            "idle": self.factor * h.sin().mean(),
        }


def started() -> tuple[Problem, torch.optim.Optimizer]:
    torch.manual_seed(0)
    problem = Problem().double()
    return problem, torch.optim.Adam(problem.parameters(), 0.01, fused=True)


@pytest.mark.parametrize("normalise", [True, False])
def test_steps_and_numbers_are_those_of_pretrain_step(normalise):
    (first, optimiser), (second, other) = started(), started()
    scale, again = GradientScale(active=normalise), GradientScale(active=normalise)
    names, batch = list(WEIGHTS), torch.randn(6, 4, dtype=torch.float64)
    for step in range(6):
        first.factor = second.factor = float(step > 2)
        taken = pretrain_step(first, optimiser, batch, 0, WEIGHTS, scale)
        norms = torch.tensor([again.norms.get(n, math.nan) for n in names], dtype=torch.float64)
        weights = torch.tensor(list(WEIGHTS.values()), dtype=torch.float64)
        params = dict(second.named_parameters())
        found = device_step(second(batch, 0), params, other, weights, norms, normalise)
        assert found[0].tolist() == pytest.approx(list(taken.losses.values()), rel=1e-12)
        assert found[1].tolist() == pytest.approx(list(taken.norms.values()), rel=1e-12, abs=1e-15)
        for name, norm in zip(names, found[1].tolist(), strict=True):
            again.update(name, norm)
        for p, q in zip(first.parameters(), second.parameters(), strict=True):
            assert torch.allclose(p, q, rtol=1e-12, atol=1e-12)
    assert again.norms == pytest.approx(scale.norms)


def test_a_scale_takes_in_a_norm_as_on_the_host():
    for old, new in ((math.nan, 2.0), (3.0, 2.0), (3.0, 0.0), (math.nan, 0.0)):
        scale = GradientScale(norms={} if math.isnan(old) else {"a": old})
        scale.update("a", new)
        found = scale_after(*(torch.tensor(x, dtype=torch.float64) for x in (old, new)))
        assert found.item() == pytest.approx(scale["a"], rel=1e-14)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (lambda p: {"a": p["encoder.weight"].sum(0)}, r"objective a must be a scalar, got shape \(4,\)"),
        (lambda p: {"a": p["head.weight"].sum()}, "objective a has no gradient path to the encoder"),
    ],
)
def test_mistakes_are_told_as_by_pretrain_step(losses, said):
    problem, optimiser = started()
    params = dict(problem.named_parameters())
    one = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ValueError, match=said):
        device_step(losses(params), params, optimiser, one, one, True)
