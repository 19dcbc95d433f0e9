"""Each step of the loop against what it should do to the parameters, written out."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn

from molweight.solver import LoopConfig, LoopState, learn_weights
from molweight.solver.loop import Batches, iterate, loop_best_response
from molweight.solver.state import PRETRAIN
from molweight.solver.steps import finetune_step, pretrain_step
from molweight.solver.weights import GradientScale, pullback, strength

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
        self.seen.append((batch[0], self.training))
        return self.head(self.encoder(batch[0]))

    def loss(self, outputs, batch):
        return (outputs - batch[1]).square().mean()


def loss_of(finetune, batch):
    return finetune.loss(finetune(batch), batch)


def state_of(config: LoopConfig) -> LoopState:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(4, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh())
    state = LoopState.start(Pretrain(encoder).double(), Finetune(copy.deepcopy(encoder)).double(), config)
    state.logits[:3] = torch.tensor([0.5, -0.3, 0.1], dtype=torch.float64)
    with torch.no_grad():
        for p in state.finetune.parameters():
            p += 0.1 * torch.randn_like(p)
    return state


def batches(seed: int = 0) -> Batches:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 16, 4, generator=g, dtype=torch.float64)
    y = torch.randn(2, 16, 1, generator=g, dtype=torch.float64)
    return Batches(x[0], (x[1], y[0]), (x[3], y[1]), x[2])


def plain_descent(state: LoopState) -> None:
    """Steps of size 1 along the gradient, so that what moved is the gradient."""
    state.pretrain_optimiser = torch.optim.SGD(state.pretrain.parameters(), 1.0)
    state.copy_optimisers[0] = torch.optim.SGD(state.finetune.parameters(), 1.0)


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
    assert found.losses == {n: pytest.approx(loss.item()) for n, loss in losses.items()}
    assert torch.equal(before["objectives.third.weight"], after["objectives.third.weight"])


def test_pretrain_step_divides_by_the_running_norm():
    state, batch = state_of(LoopConfig(steps=1)), batches().pretrain
    plain_descent(state)
    reference = copy.deepcopy(state.pretrain)
    norm = encoder_gradient(reference, reference(batch, 0)["first"]).norm().item()
    state.scale = GradientScale(norms={"first": 5 * norm})
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
    loss = loss_of(finetune, batch)
    plain = torch.autograd.grad(loss, [finetune.encoder.early, finetune.encoder.late, finetune.head.weight])
    head = finetune.head.weight.detach().clone()
    finetune_step(state, batch, config.proximal)
    for name, gradient in zip(("early", "late"), plain, strict=False):
        expected = before[name] - gradient - 2 * 0.4 * (before[name] - anchor[name])
        assert torch.allclose(finetune.encoder.get_parameter(name), expected, rtol=1e-10)
    assert torch.allclose(finetune.head.weight, head - plain[2], rtol=1e-10)  # a head has no anchor
    assert all(torch.equal(value, anchor[n]) for n, value in pretrain.encoder.named_parameters())


def valid_gradient(state: LoopState, batch: Batches) -> torch.Tensor:
    """∇L_valid with the head of level II, in evaluation mode."""
    finetune = copy.deepcopy(state.finetune).eval()
    return encoder_gradient(finetune, loss_of(finetune, batch.valid))


def test_without_curvature_the_response_is_the_validation_gradient_pulled_through_the_proximal_term():
    config = LoopConfig(steps=9, proximal=0.3)
    state, batch = state_of(config), batches(4)
    found = loop_best_response(state, batch, config)
    s = torch.cat([found.s[n].reshape(-1) for n, _ in state.finetune.encoder.named_parameters()])
    assert torch.allclose(s, 2 * 0.3 * valid_gradient(state, batch), rtol=1e-9)
    expected = loss_of(copy.deepcopy(state.finetune).eval(), batch.valid).item()
    assert found.valid_loss.item() == pytest.approx(expected, rel=1e-12)
    assert found.products == {"level1": 0, "level2": 0}


def test_the_validation_gradient_sees_the_validation_batch_alone_and_in_evaluation_mode():
    config = LoopConfig(steps=1)
    state, batch = state_of(config), batches()
    loop_best_response(state, batch, config)
    assert [(x is batch.valid[0], training) for x, training in state.finetune.seen] == [(True, False)]
    assert state.finetune.training


def test_a_pretrain_step_gives_each_objectives_slope_along_a_direction():
    state, batch = state_of(LoopConfig(steps=1)), batches(1).pretrain
    state.scale = GradientScale(norms={"second": 0.5})
    reference, scale = copy.deepcopy(state.pretrain), copy.deepcopy(state.scale)
    along = {n: torch.randn_like(p) for n, p in reference.encoder.named_parameters()}
    s = torch.cat([value.reshape(-1) for value in along.values()])
    gradients = {n: encoder_gradient(reference, x) for n, x in reference(batch, 5).items()}
    equal = dict.fromkeys(state.objectives, 1 / 3)
    found = pretrain_step(state.pretrain, state.pretrain_optimiser, batch, 5, equal, state.scale, along=along)
    for name, g in gradients.items():
        scale.update(name, g.norm().item())
        assert found.norms[name] == pytest.approx(g.norm().item())
        assert found.cosines[name] == pytest.approx((s @ g / (s.norm() * g.norm())).item(), rel=1e-9)
        assert found.slopes[name] == pytest.approx((-s @ g / (s.norm() * scale[name])).item(), rel=1e-9)


@pytest.mark.parametrize("parametrisation", ["softmax", "strength"])
def test_the_logits_move_against_the_slopes_by_the_weight_rate(parametrisation):
    config = LoopConfig(steps=1, warmup=0, weight_lr=0.7, parametrisation=parametrisation)
    state, batch = state_of(config), batches(1)
    old, twin = state.logits.clone(), copy.deepcopy(state)
    along = loop_best_response(twin, batch, config).s
    seed = state.step_seed(PRETRAIN)
    slopes = pretrain_step(
        twin.pretrain, twin.pretrain_optimiser, batch.pretrain, seed, twin.weights, twin.scale, along
    ).slopes
    record = iterate(state, batch, config)
    assert record.hypergradient == slopes
    step = 0.7 * pullback(parametrisation, old, torch.tensor(list(slopes.values()), dtype=torch.float64))
    assert torch.allclose(state.logits, old - step, rtol=1e-9)
    assert step.abs().max() > 1e-3
    assert record.weights == state.weights


def test_strength_is_the_rate_of_level_1():
    """Adam does not see the scale of a loss."""
    config = LoopConfig(steps=1, pretrain_lr=1e-3, parametrisation="strength")
    state = state_of(config)
    state.logits[3] = -2.0
    overall = strength(state.logits).sum().item()
    assert overall == pytest.approx(sum(state.weights.values())) == pytest.approx(2 / (1 + math.exp(2)))
    iterate(state, batches(), config)
    assert state.pretrain_optimiser.param_groups[0]["lr"] == pytest.approx(1e-3 * overall)


def test_adam_moves_the_logits_by_its_own_rate_whatever_the_slopes():
    config = LoopConfig(steps=1, warmup=0, weight_optimiser="adam", weight_lr=0.03)
    state = state_of(config)
    old = state.logits.clone()
    record = iterate(state, batches(), config)
    assert record.step == 1
    assert (state.logits - old).abs().tolist() == pytest.approx([0.03] * 3, rel=1e-3)


def test_weights_rest_between_their_steps():
    config = LoopConfig(steps=8, warmup=2, every=3)
    records = list(learn_weights(state_of(config), batches, config))
    moved = [a.weights != b.weights for a, b in itertools.pairwise(records)]
    assert moved == [False, True, False, False, True, False, False]  # steps 3 and 6 of records 1 to 8
    assert [math.isfinite(r.valid_loss) for r in records] == [
        False,
        False,
        True,
        False,
        False,
        True,
        False,
        False,
    ]


def test_without_normalisation_losses_keep_their_units():
    config = LoopConfig(steps=1, normalise=False)
    state = state_of(config)
    state.scale.update("first", 9.0)
    assert state.scale["first"] == 1


def test_the_entropy_floor_holds():
    config = LoopConfig(steps=30, warmup=0, weight_lr=50.0, entropy_floor=0.6)
    state = state_of(config)
    for record in learn_weights(state, batches, config):
        shares = torch.tensor(list(record.weights.values()))
        assert torch.distributions.Categorical(shares).entropy() >= 0.6 * math.log(3) - 1e-6


@pytest.mark.parametrize("level", ["level1", "level2"])
def test_the_best_responses_of_the_settings_are_the_ones_used(level):
    config = LoopConfig(steps=1, **{level: lambda matvec, b: matvec(b)})
    products = loop_best_response(state_of(config), batches(), config).products
    assert products == {"level1": 0, "level2": 0} | {level: 1}


@pytest.mark.parametrize(
    ("part", "message"),
    [("finetune", "the loss of fine-tuning is inf"), ("valid", "the validation loss is not")],
)
def test_a_labelled_loss_that_is_not_finite_is_named(part, message):
    def broken(step):
        found = batches(step)
        x, y = getattr(found, part)
        return Batches(**(vars(found) | {part: (x, torch.full_like(y, math.inf))}))

    config = LoopConfig(steps=3, warmup=1)
    with pytest.raises(FloatingPointError, match=message):
        list(learn_weights(state_of(config), broken, config))


class Faulty(Pretrain):
    """Its second objective's loss is what `fault` makes of it."""

    def __init__(self, encoder, fault):
        super().__init__(encoder)
        self.fault = fault

    def forward(self, x, seed):
        losses = super().forward(x, seed)
        return losses | {"second": self.fault(losses["second"])}


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (lambda loss: loss * math.nan, FloatingPointError, "the loss of objective second is nan"),
        (lambda loss: loss.expand(3), ValueError, r"objective second must be a scalar, got shape \(3,\)"),
        (lambda loss: loss.detach(), ValueError, "objective second has no gradient path to the encoder"),
    ],
)
def test_a_faulty_objective_is_named_and_nothing_has_moved(fault, error, message):
    encoder = nn.Sequential(nn.Linear(4, WIDTH), nn.Tanh())
    state = LoopState.start(
        Faulty(encoder, fault).double(), Finetune(copy.deepcopy(encoder)).double(), LoopConfig(steps=1)
    )
    before = values(state.pretrain)
    with pytest.raises(error, match=message):
        list(learn_weights(state, batches, LoopConfig(steps=1)))
    assert all(torch.equal(value, before[name]) for name, value in values(state.pretrain).items())
    assert state.step == 0


class OnePass(Pretrain):
    """All objectives on one pass through the encoder."""

    def forward(self, x, seed):
        h = self.encoder(x)
        return {n: (head(h) - k).square().mean() for k, (n, head) in enumerate(self.objectives.items())}


def test_objectives_may_share_a_pass_through_the_encoder():
    encoder = nn.Sequential(nn.Linear(4, WIDTH), nn.Tanh()).double()
    results = []
    for kind in (Pretrain, OnePass):
        torch.manual_seed(0)
        problem = kind(copy.deepcopy(encoder)).double()
        scale, optimiser = GradientScale(), torch.optim.SGD(problem.parameters(), 1.0)
        equal = dict.fromkeys(problem.objectives, 1 / 3)
        pretrain_step(problem, optimiser, batches().pretrain, 0, equal, scale)
        results.append(values(problem))
    assert all(torch.allclose(value, results[1][name], rtol=1e-12) for name, value in results[0].items())


def test_an_encoder_and_a_copy_that_differ_are_refused_by_name():
    finetune = Finetune(nn.Sequential(nn.Linear(4, WIDTH), nn.LayerNorm(WIDTH)))
    with pytest.raises(ValueError, match=r"these differ: 1\.bias, 1\.weight"):
        LoopState.start(
            Pretrain(nn.Sequential(nn.Linear(4, WIDTH), nn.Tanh())), finetune, LoopConfig(steps=1)
        )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"parametrisation": "simplex"}, r"one of \['softmax', 'strength'\], got 'simplex'"),
        ({"level1": "newton"}, "got 'newton'"),
        ({"weight_optimiser": "lion"}, r"one of \['adam', 'sgd'\], got 'lion'"),
        ({"entropy_floor": 1.5}, "from 0 to 1, got 1.5"),
        ({"every": 0}, "every must be positive, got 0"),
        ({"weight_lr": -1.0}, "weight_lr must not be negative"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        LoopConfig(steps=1, **setting)


def test_both_lower_levels_learn_through_the_warm_up():
    config = LoopConfig(steps=2, warmup=2)
    state = state_of(config)
    before, logits = (values(state.pretrain), values(state.finetune)), state.logits.clone()
    list(learn_weights(state, batches, config))
    assert torch.equal(state.logits, logits)
    for module, old in zip((state.pretrain, state.finetune), before, strict=True):
        assert all(not torch.equal(value, old[n]) for n, value in module.encoder.named_parameters("encoder"))
