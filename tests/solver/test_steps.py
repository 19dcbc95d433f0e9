"""Each step of the loop against what it should do to the parameters, written out."""

import copy
import math

import pytest
import torch
from torch import nn

from molweight.solver import LoopConfig, LoopState, learn_weights
from molweight.solver.loop import Batches, finetune_step, loop_hypergradient, pretrain_step, reweight_step
from molweight.solver.weights import GradientScale, softmax_pullback

WIDTH = 5


class Pretrain(nn.Module):
    """Objective k: mean square of its own linear head on the encoder, less k."""

    def __init__(self, encoder, names=("first", "second", "third")):
        super().__init__()
        self.encoder = encoder
        self.objectives = nn.ModuleDict({name: nn.Linear(WIDTH, 1) for name in names})

    def forward(self, x, seed):
        x = x + 1e-3 * (seed % 100)
        heads = enumerate(self.objectives.items())
        return {n: (head(self.encoder(x)) - k).square().mean() for k, (n, head) in heads}


class Finetune(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head, self.seen = encoder, nn.Linear(WIDTH, 1), []

    def forward(self, batch):
        x, y = batch
        self.seen.append((x, self.training))
        return (self.head(self.encoder(x)) - y).square().mean()


def state_of(config: LoopConfig) -> LoopState:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(4, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh())
    state = LoopState.start(Pretrain(encoder).double(), Finetune(copy.deepcopy(encoder)).double(), config)
    state.logits = torch.tensor([0.5, -0.3, 0.1], dtype=torch.float64)
    with torch.no_grad():
        for p in state.finetune.parameters():
            p += 0.1 * torch.randn_like(p)
    return state


def batches(seed: int = 0) -> Batches:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 16, 4, generator=g, dtype=torch.float64)
    y = torch.randn(2, 16, 1, generator=g, dtype=torch.float64)
    return Batches(x[0], (x[1], y[0]), x[2], (x[3], y[1]))


def plain_descent(state: LoopState) -> None:
    """Steps of size 1 along the gradient, so that what moved is the gradient."""
    state.pretrain_optimiser = torch.optim.SGD(state.pretrain.parameters(), 1.0)
    state.finetune_optimiser = torch.optim.SGD(state.finetune.parameters(), 1.0)


def values(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def encoder_gradient(module: nn.Module, loss: torch.Tensor) -> torch.Tensor:
    gradients = torch.autograd.grad(loss, list(module.encoder.parameters()), retain_graph=True)
    return torch.cat([g.reshape(-1) for g in gradients])


def test_pretrain_step_descends_the_weighted_sum_of_losses_at_unit_gradient():
    state, batch = state_of(LoopConfig(steps=1)), batches().pretrain
    plain_descent(state)
    weights = {"first": 0.7, "second": 0.3, "third": 0.0}
    before, losses = values(state.pretrain), copy.deepcopy(state.pretrain)(batch, 0)
    reference = copy.deepcopy(state.pretrain)
    scaled = [w / encoder_gradient(reference, reference(batch, 0)[n]).norm() for n, w in weights.items()]
    total = sum(s * loss for s, loss in zip(scaled, reference(batch, 0).values(), strict=True))
    expected = torch.autograd.grad(total, list(reference.parameters()))
    for p in state.pretrain.parameters():
        p.grad = torch.full_like(p, 9.0)  # of an earlier step, and no longer of interest
    found = pretrain_step(state.pretrain, state.pretrain_optimiser, batch, 0, weights, state.scale)
    after = values(state.pretrain)
    for (name, old), gradient in zip(before.items(), expected, strict=True):
        assert torch.allclose(old - after[name], gradient, rtol=1e-6, atol=1e-12)
    assert found == {n: pytest.approx(loss.item()) for n, loss in losses.items()}
    assert torch.equal(before["objectives.third.weight"], after["objectives.third.weight"])


def test_pretrain_step_divides_by_the_running_norm():
    state, batch = state_of(LoopConfig(steps=1)), batches().pretrain
    plain_descent(state)
    reference = copy.deepcopy(state.pretrain)
    norm = encoder_gradient(reference, reference(batch, 0)["first"]).norm().item()
    state.scale = GradientScale({"first": 5 * norm})
    weights = {"first": 1.0, "second": 0.0, "third": 0.0}
    before = values(state.pretrain.encoder)
    pretrain_step(state.pretrain, state.pretrain_optimiser, batch, 0, weights, state.scale)
    moved = torch.cat([(v - before[n]).reshape(-1) for n, v in values(state.pretrain.encoder).items()])
    assert state.scale["first"] == pytest.approx(0.95 * 5 * norm + 0.05 * norm)
    assert moved.norm().item() == pytest.approx(1 / (0.95 * 5 + 0.05))


class TwoTables(nn.Module):
    """Two tables of one shape, in either order: by position, each would be taken for the other."""

    def __init__(self, *order):
        super().__init__()
        for name in order:
            self.register_parameter(name, nn.Parameter(torch.randn(4, WIDTH, dtype=torch.float64)))

    def forward(self, x):
        return (x @ self.early).tanh() + (x @ self.late).sigmoid()


def test_the_proximal_pull_pairs_parameters_by_name_whatever_their_order():
    torch.manual_seed(0)
    config = LoopConfig(steps=1, proximal=0.4)
    pretrain, finetune = Pretrain(TwoTables("early", "late")), Finetune(TwoTables("late", "early"))
    state = LoopState.start(pretrain.double(), finetune.double(), config)
    plain_descent(state)
    batch, anchor, before = batches().finetune, values(pretrain.encoder), values(finetune.encoder)
    loss = finetune(batch)
    plain = torch.autograd.grad(loss, [finetune.encoder.early, finetune.encoder.late, finetune.head.weight])
    head = finetune.head.weight.detach().clone()
    finetune_step(state, batch, config.proximal)
    for name, gradient in zip(("early", "late"), plain, strict=False):
        expected = before[name] - gradient - 2 * 0.4 * (before[name] - anchor[name])
        assert torch.allclose(finetune.encoder.get_parameter(name), expected, rtol=1e-10)
    assert torch.allclose(finetune.head.weight, head - plain[2], rtol=1e-10)  # a head has no anchor
    assert all(torch.equal(value, anchor[n]) for n, value in pretrain.encoder.named_parameters())


def response_and_gradients(state: LoopState, batch: Batches):
    """∇L_valid with the head of level II, in evaluation mode, and each ∇ℓ_k at its scale."""
    finetune, pretrain = copy.deepcopy(state.finetune).eval(), copy.deepcopy(state.pretrain)
    v = encoder_gradient(finetune, finetune(batch.valid))
    losses = pretrain(batch.reweight_pretrain, 2 * state.step + 1)
    return v, torch.stack([encoder_gradient(pretrain, x) / state.scale[n] for n, x in losses.items()])


def test_the_hypergradient_of_a_step_is_that_of_its_batches_scales_and_strength():
    config = LoopConfig(steps=9, proximal=0.3)
    state, batch = state_of(config), batches(4)
    state.step, state.scale = 6, GradientScale({"first": 0.2, "third": 3.0})
    v, gradients = response_and_gradients(state, batch)
    found = loop_hypergradient(state, batch, config)
    assert torch.allclose(found.per_objective, -2 * 0.3 * gradients @ v, rtol=1e-9)
    assert torch.allclose(found.cosines, gradients @ v / v.norm(), rtol=1e-9)
    assert found.valid_loss.item() == pytest.approx(state.finetune.eval()(batch.valid).item(), rel=1e-12)


def test_the_validation_gradient_sees_the_validation_batch_alone_and_in_evaluation_mode():
    config = LoopConfig(steps=1)
    state, batch = state_of(config), batches()
    loop_hypergradient(state, batch, config)
    assert [(x is batch.valid[0], training) for x, training in state.finetune.seen] == [(True, False)]
    assert state.finetune.training


def test_the_logits_move_along_the_cosines_by_the_weight_rate():
    config = LoopConfig(steps=1, weight_lr=0.7)
    state, batch = state_of(config), batches(1)
    state.scale = GradientScale({"second": 0.5})
    v, gradients = response_and_gradients(state, batch)
    old = state.logits.clone()
    reweight_step(state, batch, config)
    step = 0.7 * softmax_pullback(old.softmax(0), gradients @ v / v.norm())
    assert torch.allclose(state.logits, old + step, rtol=1e-9)
    assert step.abs().max() > 1e-3


@pytest.mark.parametrize("level", ["level1", "level2"])
def test_the_best_responses_of_the_settings_are_the_ones_used(level):
    config = LoopConfig(steps=1, **{level: lambda matvec, b: matvec(b)})
    products = loop_hypergradient(state_of(config), batches(), config).products
    assert products == {"level1": 0, "level2": 0} | {level: 1}


@pytest.mark.parametrize(("part", "name"), [("finetune", "fine-tuning"), ("valid", "validation")])
def test_a_labelled_loss_that_is_not_finite_is_named(part, name):
    def broken(step):
        found = batches(step)
        x, y = getattr(found, part)
        return Batches(**(vars(found) | {part: (x, torch.full_like(y, math.inf))}))

    config = LoopConfig(steps=3, warmup=1)
    with pytest.raises(FloatingPointError, match=f"the loss of {name} is inf"):
        list(learn_weights(state_of(config), broken, config))


def test_both_lower_levels_learn_through_the_warm_up():
    config = LoopConfig(steps=2, warmup=2)
    state = state_of(config)
    before, logits = (values(state.pretrain), values(state.finetune)), state.logits.clone()
    list(learn_weights(state, batches, config))
    assert torch.equal(state.logits, logits)
    for module, old in zip((state.pretrain, state.finetune), before, strict=True):
        assert all(not torch.equal(value, old[n]) for n, value in module.encoder.named_parameters("encoder"))
