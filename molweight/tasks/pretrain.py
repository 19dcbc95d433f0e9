"""Pretraining an encoder on unlabelled molecules with fixed objective weights."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from molweight.encoders.batch_norm import synchronised_norms
from molweight.molecules.batch import collate
from molweight.molecules.padding import Sizes, collate_padded
from molweight.molecules.store import Store
from molweight.solver.curvature import Params
from molweight.solver.device_step import device_step
from molweight.solver.draws import mixed_seed
from molweight.solver.ranks import ALONE, Ranks
from molweight.solver.steps import finite_scalar, pretrain_step
from molweight.solver.weights import GradientScale
from molweight.tasks.optimisers import adam, set_rate
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.replay import Replay
from molweight.tasks.sampling import step_batch

Step = Callable[[Tensor], dict[str, float]]


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of pretraining.

    Attributes:
        steps: optimiser steps.
        batch_size: molecules to a step.
        lr: Adam's highest learning rate.
        warmup: steps over which the rate rises from 0.
        decay: whether the rate then falls to 0 along a half cosine, or stays.
        seed: of batches and random choices.
    """

    steps: int
    batch_size: int
    lr: float = 1e-3
    warmup: int = 0
    decay: bool = False
    seed: int = 0

    def lr_at(self, step: int) -> float:
        """Learning rate of a step.

        >>> PretrainConfig(steps=100, batch_size=1, lr=1.0, warmup=10, decay=True).lr_at(55)
        0.5
        """
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if not self.decay:
            return self.lr
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * 0.5 * (1 + math.cos(math.pi * done))


@dataclass
class PretrainState:
    """Everything pretraining changes."""

    problem: PretrainProblem
    optimiser: torch.optim.Optimizer
    scale: GradientScale = field(default_factory=GradientScale)
    step: int = 0

    @classmethod
    def start(cls, problem: PretrainProblem, config: PretrainConfig) -> "PretrainState":
        """At step 0 with a fresh optimiser."""
        return cls(problem, adam(problem.parameters(), config.lr, problem.compute.device))


def pretrain(
    state: PretrainState,
    store: Store,
    molecules: Tensor,
    weights: dict[str, float],
    config: PretrainConfig,
    ranks: Ranks = ALONE,
) -> Iterator[dict[str, float]]:
    """Run from the state's step to the last, yielding each step's unweighted losses by objective.

    Where the compute replays, and one process has the run to itself, a step is a program of fixed shape,
    which draws its random choices on the device; a batch that has no room in it is taken as it is.

    Args:
        state: changed in place.
        store: graphs, on the problem's device.
        molecules: positions in the store to learn from.
        weights: share of each objective.
        config: settings.
        ranks: those that share each batch, whose losses and gradients are averaged.

    Raises:
        FloatingPointError: if a loss is not finite; the text names the objective.
    """
    molecules = molecules.cpu()  # where it is known whether a batch fits what is recorded
    with synchronised_norms(state.problem, active=ranks.count > 1):
        step = pretraining_step(state, store, molecules, weights, config, ranks)
        while state.step < config.steps:
            set_rate(state.optimiser, config.lr_at(state.step))
            losses = step(step_batch(molecules, config.batch_size, state.step, config.seed))
            state.step += 1
            yield losses


def pretraining_step(
    state: PretrainState,
    store: Store,
    molecules: Tensor,
    weights: dict[str, float],
    config: PretrainConfig,
    ranks: Ranks = ALONE,
) -> Step:
    """From the molecules of a step to its losses; arguments as those of `pretrain`, molecules on the CPU."""

    def plain(chosen: Tensor) -> dict[str, float]:
        batch = collate(store, ranks.share(chosen.to(store.device)))
        seed = mixed_seed(ranks.seed(config.seed), state.step)
        taken = pretrain_step(
            state.problem, state.optimiser, batch, seed, weights, state.scale, average=ranks.average
        )
        return taken.losses

    if ranks.count > 1 or not state.problem.compute.replays:
        return plain
    return _replayed(state, store, molecules, weights, config, plain)


def _replayed(
    state: PretrainState,
    store: Store,
    molecules: Tensor,
    weights: dict[str, float],
    config: PretrainConfig,
    otherwise: Step,
) -> Step:
    """A step as a program of fixed shape, and another for batches that have no room in it."""
    sizes, count = Sizes.of(store), min(config.batch_size, len(molecules))
    capacity = sizes.capacity(molecules, count)
    problem, names, device = state.problem, list(state.problem.objectives), store.device
    generator = torch.Generator(device)

    def program(chosen: Tensor, numbers: Tensor) -> Tensor:
        losses = problem.losses(collate_padded(store, chosen, capacity), [generator] * len(names))
        params: Params = dict(problem.named_parameters())
        return device_step(losses, params, state.optimiser, numbers[0], numbers[1], state.scale.active)

    numbers = torch.zeros(2, len(names), dtype=torch.float64, device=device)
    replay = Replay(program, [torch.zeros(count, dtype=torch.int64, device=device), numbers], generator)

    def step(chosen: Tensor) -> dict[str, float]:
        if not sizes.fit(chosen, capacity):
            return otherwise(chosen)
        generator.manual_seed(mixed_seed(config.seed, state.step))
        norms = [state.scale.norms.get(name, math.nan) for name in names]
        shares = [weights[name] for name in names]
        found = replay(chosen, torch.tensor([shares, norms], dtype=torch.float64)).cpu()
        values = {n: finite_scalar(loss, f"objective {n}") for n, loss in zip(names, found[0], strict=True)}
        for name, norm in zip(names, found[1].tolist(), strict=True):
            state.scale.update(name, norm)
        return values

    return step
