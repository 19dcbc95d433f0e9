import copy
import math
from itertools import islice

import pytest
import torch
from torch import nn

from molweight.solver import LoopConfig, LoopState, learn_weights
from molweight.solver.loop import Batches, loop_best_response
from molweight.solver.steps import finetune_step

WIDTH = 6


class Objective(nn.Module):
    """Mean squared error of a linear head on the encoder against what `target` makes of the input."""

    def __init__(self, target):
        super().__init__()
        self.target, self.head = target, nn.Linear(WIDTH, 1)

    def forward(self, encoder, x, generator):
        return (self.head(encoder(x)).squeeze(1) - self.target(x, generator)).square().mean()


class Pretrain(nn.Module):
    def __init__(self, encoder, objectives):
        super().__init__()
        self.encoder, self.objectives = encoder, nn.ModuleDict(objectives)

    def forward(self, x, seed):
        generators = (torch.Generator().manual_seed(seed) for _ in self.objectives)
        return {
            n: o(self.encoder, x, g) for (n, o), g in zip(self.objectives.items(), generators, strict=True)
        }


class Finetune(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(WIDTH, 1)

    def forward(self, batch):
        return self.head(self.encoder(batch[0])).squeeze(1)

    def loss(self, outputs, batch):
        return (outputs - batch[1]).square().mean()


def label(x, generator=None):
    return (2 * x[:, 0] * x[:, 1]).tanh()


def noise(x, generator):
    return torch.randn(len(x), generator=generator)


class Nowhere(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.ones(()))

    def forward(self, encoder, x, generator):
        return self.bias.square()


def state_of(config: LoopConfig, objectives=None, seed: int = 0) -> LoopState:
    torch.manual_seed(seed)
    layers = nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, WIDTH), nn.Tanh()
    encoder = nn.Sequential(*layers)
    objectives = {"leak": Objective(label), "noise": Objective(noise)} if objectives is None else objectives
    return LoopState.start(Pretrain(encoder, objectives), Finetune(copy.deepcopy(encoder)), config)


def batches_at(step: int) -> Batches:
    generator = torch.Generator().manual_seed(step)
    parts = [torch.randn(64, 4, generator=generator) for _ in range(4)]
    return Batches(parts[0], (parts[1], label(parts[1])), (parts[3], label(parts[3])), parts[2])


def run(config: LoopConfig, **options):
    state = state_of(config, **options)
    return state, list(learn_weights(state, batches_at, config))


def test_a_leaking_objective_gains_on_noise_where_the_copy_is_held_near_the_encoder():
    config = LoopConfig(steps=200, warmup=50, proximal=1.0, pretrain_lr=1e-2, finetune_lr=1e-2, head_lr=1e-2)
    for seed in range(3):
        _, records = run(config, seed=seed)
        assert records[-1].weights["leak"] > 0.6


def test_weights_are_equal_through_the_warm_up_and_shares_after():
    _, records = run(LoopConfig(steps=8, warmup=5))
    assert all(r.weights == {"leak": 0.5, "noise": 0.5} for r in records[:5])
    assert all(math.isnan(c) for r in records[:5] for c in r.cosines.values())
    assert records[-1].weights["leak"] != 0.5
    assert all(sum(r.weights.values()) == pytest.approx(1) for r in records)
    assert [r.step for r in records] == list(range(1, 9))


def test_same_seed_same_records():
    config = LoopConfig(steps=12, warmup=3)
    assert repr(run(config)[1]) == repr(run(config)[1])


def test_every_random_choice_depends_on_the_run():
    """The objectives draw noise: from the same modules and batches, another run's differs."""
    config = LoopConfig(steps=4, warmup=1)
    losses = []
    for run_seed in (0, 0, 1):
        state = state_of(config)
        state.seed = run_seed
        losses.append([r.losses for r in learn_weights(state, batches_at, config)])
    assert losses[0] == losses[1] != losses[2]


def test_an_interrupted_loop_goes_on_as_if_it_had_not_been():
    config = LoopConfig(steps=12, warmup=3)
    state = state_of(config)
    first = list(islice(learn_weights(state, batches_at, config), 6))
    rest = list(learn_weights(state, batches_at, config))
    assert repr(first + rest) == repr(run(config)[1])


def test_a_hypergradient_leaves_no_trace():
    config = LoopConfig(steps=5, warmup=0)
    state, _ = run(config)
    modules = state.pretrain, state.finetune
    before = [copy.deepcopy(m.state_dict()) for m in modules]
    grads = [p.grad.clone() for m in modules for p in m.parameters()]
    first, second = (loop_best_response(state, batches_at(9), config) for _ in range(2))
    assert all(torch.equal(value, second.s[name]) for name, value in first.s.items())
    for module, saved in zip(modules, before, strict=True):
        assert all(torch.equal(value, saved[name]) for name, value in module.state_dict().items())
        assert module.training
    kept = [p.grad for m in modules for p in m.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(kept, grads, strict=True))


def test_the_proximal_term_pairs_parameters_by_name():
    config = LoopConfig(steps=1, proximal=0.25)
    state = state_of(config)
    with torch.no_grad():
        for p in state.finetune.encoder.parameters():
            p.add_(torch.randn_like(p))
    anchor = dict(state.pretrain.encoder.named_parameters())
    batch = batches_at(0).finetune
    params = dict(state.finetune.encoder.named_parameters())
    loss = state.finetune.loss(state.finetune(batch), batch)
    loss = loss + 0.25 * sum((p - anchor[n].detach()).square().sum() for n, p in params.items())
    expected = torch.autograd.grad(loss, list(params.values()))
    finetune_step(state, batch, config.proximal)
    assert all(torch.allclose(p.grad, g, atol=1e-6) for p, g in zip(params.values(), expected, strict=True))


def test_an_objective_without_a_path_to_the_encoder_is_named():
    with pytest.raises(ValueError, match="nowhere has no gradient path"):
        run(LoopConfig(steps=1), objectives={"leak": Objective(label), "nowhere": Nowhere()})


def test_a_loss_that_is_not_finite_is_named():
    broken = Objective(lambda x, generator: torch.full((len(x),), math.nan))
    with pytest.raises(FloatingPointError, match="objective broken is nan"):
        run(LoopConfig(steps=1), objectives={"leak": Objective(label), "broken": broken})


def test_an_empty_list_of_objectives_is_refused():
    with pytest.raises(ValueError, match="no objective"):
        state_of(LoopConfig(steps=1), objectives={})


@pytest.mark.parametrize("name", ["steps", "pretrain_lr", "finetune_lr", "proximal"])
def test_settings_that_cannot_work_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
        LoopConfig(**({"steps": 1} | {name: 0}))
