import math

import pytest
import torch
from torch import nn

from molweight.solver.weights import GradientScale
from molweight.tasks.continued import start_pretraining
from molweight.tasks.gradients import parameters
from molweight.tasks.two_level import TASK, joint_step, learn_in_two_levels, unit_slopes

NAMES = ("first", "second")
RATE = 0.07


class Quadratics(nn.Module):
    """Losses ½(x − c)ᵀA(x − c) of the encoder's x, in float64; validation is one more of them."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.encoder = nn.Module()
        self.encoder.x = nn.Parameter(torch.randn(4, generator=generator, dtype=torch.float64))
        self.roots = torch.randn(4, 4, 4, generator=generator, dtype=torch.float64)
        self.centres = torch.randn(4, 4, generator=generator, dtype=torch.float64)

    def loss(self, number: int) -> torch.Tensor:
        return 0.5 * (self.roots[number] @ (self.encoder.x - self.centres[number])).square().sum()


def after_a_step(weights: dict[str, float]) -> tuple[Quadratics, torch.Tensor, GradientScale]:
    model, scale = Quadratics(), GradientScale()
    losses = {TASK: model.loss(0), "first": model.loss(1), "second": model.loss(2)}
    optimiser = torch.optim.SGD(model.parameters(), RATE)
    rows = joint_step(losses, parameters(model), optimiser, {TASK: 1.0} | weights, scale)
    return model, rows[1:], scale


def test_the_hypergradient_is_a_finite_difference_of_one_unrolled_step():
    weights = {"first": 0.3, "second": 0.7}
    model, rows, scale = after_a_step(weights)
    (towards,) = torch.autograd.grad(model.loss(3), [model.encoder.x])
    found = unit_slopes(rows, towards, scale, NAMES) * towards.norm() * RATE
    for name, slope in zip(NAMES, found.tolist(), strict=True):
        ahead, behind = (
            after_a_step(weights | {name: weights[name] + step})[0].loss(3).item() for step in (1e-5, -1e-5)
        )
        assert slope == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


def test_the_step_goes_along_all_losses_at_unit_gradient():
    fresh, (model, _, _) = Quadratics(), after_a_step({"first": 0.3, "second": 0.7})
    expected = torch.zeros(4, dtype=torch.float64)
    for number, weight in enumerate((1.0, 0.3, 0.7)):
        (gradient,) = torch.autograd.grad(fresh.loss(number), [fresh.encoder.x])
        expected += weight * gradient / gradient.norm()
    assert torch.allclose(model.encoder.x, fresh.encoder.x - RATE * expected)


def history(job, data=None):
    state = start_pretraining(job, job.objectives)
    return list(learn_in_two_levels(job, state.problem))


def test_weights_stay_equal_in_the_warm_up_and_then_move_to_where_cosines_point(job):
    records = history(job)
    assert [record.step for record in records] == [1, 2, 3, 4]
    assert list(records[0].weights.values()) == [0.25] * 4
    assert math.isnan(records[0].valid_loss)
    cosines, weights = records[1].cosines, records[1].weights
    best, worst = max(cosines, key=cosines.get), min(cosines, key=cosines.get)
    assert weights[best] > weights[worst]
    assert all(sum(record.weights.values()) == pytest.approx(1) for record in records)
    assert all(math.isfinite(record.finetune_loss) for record in records)
