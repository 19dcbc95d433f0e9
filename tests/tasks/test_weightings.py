"""Each rule against what is known of two or three objectives with known losses and gradients."""

import pytest
import torch
from torch import Tensor

from molweight.errors import ConfigError
from molweight.tasks import weightings
from molweight.tasks.weightings import Rule, Seen, cosine, gradnorm, turned, uncertainty, upgrad


def seen(gradients: Tensor, losses=None, first=None, task: Tensor | None = None, scale=None) -> Seen:
    """What a step would see of these gradients, one a row."""
    count = len(gradients)
    ones = torch.ones(count, dtype=torch.float64)
    cosines = None if task is None else torch.cosine_similarity(gradients, task[None], dim=1)
    losses = ones if losses is None else losses
    return Seen(losses, losses if first is None else first, ones if scale is None else scale,
                gradients @ gradients.T, cosines)  # fmt: skip


def settled(rule: Rule, what: Seen, steps: int = 400) -> Tensor:
    """Weights once the rule has learned from the same sight again and again, at a falling rate."""
    learned = torch.zeros(len(what.losses), dtype=torch.float64)
    mover = torch.optim.Adam([learned], 0.05)
    for step in range(steps):
        learned.grad = rule(learned, what).slope
        mover.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        mover.step()
    return rule(learned, what).weights


def vectors(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_uncertainty_settles_where_weights_are_one_over_the_loss():
    losses = torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64)
    assert torch.allclose(settled(uncertainty, seen(torch.eye(3).double(), losses)), 1 / losses, rtol=1e-3)


def test_uncertainty_has_the_gradient_of_its_loss():
    losses = torch.tensor([0.3, 2.0], dtype=torch.float64)
    learned = torch.tensor([0.4, -0.7], dtype=torch.float64, requires_grad=True)
    ((-learned).exp() * losses + learned).sum().backward()
    found = uncertainty(learned.detach(), seen(torch.eye(2).double(), losses))
    assert torch.allclose(found.slope, learned.grad)


def test_gradnorm_equalises_norms_where_all_objectives_train_alike():
    what = seen(vectors([3.0, 0.0], [0.0, 0.5]))
    weights = settled(gradnorm, what)
    assert torch.allclose(weights, 2 * torch.tensor([0.5, 3.0]).double() / 3.5, rtol=0.02)
    assert float(weights.sum()) == pytest.approx(2)


def test_gradnorm_favours_the_objective_that_lags_behind_by_its_power():
    """Losses at 0.8 and 0.4 of their first are 4/3 and 2/3 of the mean: G tends to these to the 1.5."""
    first = torch.tensor([1.0, 10.0], dtype=torch.float64)
    what = seen(vectors([1.0, 0.0], [0.0, 1.0]), torch.tensor([0.8, 4.0]).double(), first)
    weights = settled(gradnorm, what).tolist()  # of gradients of length 1 they are the G, and their sum is 2
    assert 2 - (2 / 3) ** 1.5 - 0.01 < weights[0] < (4 / 3) ** 1.5 + 0.01


def test_gradnorm_has_the_gradient_of_its_loss():
    gradients = vectors([1.0, 2.0], [0.5, -3.0], [0.1, 0.1])
    losses, first = torch.tensor([[0.5, 2.0, 1.0], [1.0, 1.5, 4.0]], dtype=torch.float64)
    learned = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    each = 3 * learned.softmax(0) * gradients.norm(dim=1)
    ratio = losses / first
    target = (each.mean() * (ratio / ratio.mean()) ** 1.5).detach()
    (each - target).abs().sum().backward()
    found = gradnorm(learned.detach(), seen(gradients, losses, first))
    assert torch.allclose(found.slope, learned.grad)


def test_gradnorm_stands_a_first_batch_that_held_nothing_to_learn():
    first = torch.tensor([0.0, 1.0], dtype=torch.float64)
    found = gradnorm(torch.zeros(2).double(), seen(vectors([1.0, 0.0], [0.0, 1.0]), first=first))
    assert found.slope.isfinite().all()


def test_cosine_gives_nothing_to_an_objective_that_opposes_the_task():
    task = vectors([1.0, 0.0])[0]
    gradients = vectors([2.0, 0.0], [3.0, 3.0], [-1.0, 5.0])  # cosines 1, √½ and below 0
    scale = torch.tensor([2.0, 4.0, 5.0], dtype=torch.float64)
    shares = cosine(torch.zeros(3).double(), seen(gradients, task=task, scale=scale)).weights * scale
    assert torch.allclose(shares, torch.tensor([1.0, 0.5**0.5, 0.0]).double() / (1 + 0.5**0.5))


@pytest.mark.parametrize(("task", "share"), [(None, 0.5), ([-1.0, -1.0], 0.0)])
def test_cosine_weighs_all_alike_before_it_knows_and_none_where_all_oppose(task, share):
    towards = None if task is None else vectors(task)[0]
    found = cosine(torch.zeros(2).double(), seen(vectors([1.0, 0.0], [0.0, 1.0]), task=towards))
    assert found.weights.tolist() == [share, share]


def test_upgrad_steps_against_no_objective():
    pytest.importorskip("torchjd")
    gradients = vectors([1.0, 0.0, 0.2], [-0.8, 1.0, 0.0], [0.1, -2.0, 0.5])
    scale = gradients.norm(dim=1)
    weights = upgrad(torch.zeros(3).double(), seen(gradients, scale=scale)).weights
    assert (gradients @ (gradients.mean(0)) < 0).any()
    assert (gradients @ (weights @ gradients) > -1e-3).all()


def test_upgrad_of_two_is_the_mean_of_their_projections():
    pytest.importorskip("torchjd")
    gradients = vectors([1.0, 0.0], [-0.6, 0.8])
    weights = upgrad(torch.zeros(2).double(), seen(gradients)).weights
    first, second = gradients
    projected = first - (first @ second) * second, second - (second @ first) * first
    assert torch.allclose(weights @ gradients, (projected[0] + projected[1]) / 2, atol=1e-3)


def test_without_torchjd_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(weightings, "find_spec", lambda name: None if name == "quadprog" else object())
    with pytest.raises(ConfigError, match=r"upgrad needs quadprog: pip install 'molweight\[torchjd\]'"):
        upgrad(torch.zeros(1).double(), seen(vectors([1.0])))


def turn(gradients: Tensor, task: Tensor) -> Tensor:
    """Each objective's gradient once it is turned and shortened."""
    cosines = torch.cosine_similarity(gradients, task[None], dim=1)
    factor, added = turned(cosines, gradients.norm(dim=1), task.norm())
    return factor[:, None] * gradients + added[:, None] * task


def test_what_opposes_the_task_is_turned_to_a_right_angle_at_its_length():
    generator = torch.Generator().manual_seed(0)
    task = torch.randn(5, generator=generator, dtype=torch.float64)
    gradients = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    found, before = turn(gradients, task), gradients @ task
    assert 5 < int((before < 0).sum()) < 35
    assert torch.allclose(found[before < 0] @ task, torch.zeros(1).double(), atol=1e-9)
    assert torch.allclose(found.norm(dim=1), gradients.norm(dim=1).clamp(max=task.norm()))
    kept = found[before >= 0] / gradients[before >= 0]
    assert torch.allclose(kept, kept[:, :1].expand_as(kept))
    assert float((task + found.sum(0)) @ task) >= float(task @ task) - 1e-9


def test_the_smallest_turn_stays_in_the_plane_of_both():
    found = turn(vectors([-3.0, 4.0, 0.0]), vectors([10.0, 0.0, 0.0])[0])
    assert torch.allclose(found, vectors([0.0, 5.0, 0.0]))


@pytest.mark.parametrize("task", [[2.0, 0.0], [0.0, 0.0]])
def test_straight_opposition_or_no_task_at_all_leaves_an_objective_out(task):
    assert torch.equal(turn(vectors([-1.0, 0.0]), vectors(task)[0]), vectors([0.0, 0.0]))
