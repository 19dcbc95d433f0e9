"""Pretraining an encoder on unlabelled molecules with fixed objective weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from molweight.encoders.batch_norm import synchronised_norms
from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.solver.draws import mixed_seed
from molweight.solver.ranks import ALONE, Ranks
from molweight.solver.steps import pretrain_step
from molweight.solver.weights import GradientScale
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.sampling import step_batch


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
        return cls(problem, torch.optim.Adam(problem.parameters(), config.lr, fused=True))


def pretrain(
    state: PretrainState,
    store: Store,
    molecules: Tensor,
    weights: dict[str, float],
    config: PretrainConfig,
    ranks: Ranks = ALONE,
) -> Iterator[dict[str, float]]:
    """Run from the state's step to the last, yielding each step's unweighted losses by objective.

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
    with synchronised_norms(state.problem, active=ranks.count > 1):
        while state.step < config.steps:
            chosen = step_batch(molecules, config.batch_size, state.step, config.seed)
            batch = collate(store, ranks.share(chosen))
            for group in state.optimiser.param_groups:
                group["lr"] = config.lr_at(state.step)
            seed = mixed_seed(ranks.seed(config.seed), state.step)
            taken = pretrain_step(
                state.problem, state.optimiser, batch, seed, weights, state.scale, average=ranks.average
            )
            state.step += 1
            yield taken.losses
