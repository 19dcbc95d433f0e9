"""Pretraining a text encoder on unlabelled texts with fixed objective weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from molweight.solver.draws import mixed_seed
from molweight.solver.state import PRETRAIN
from molweight.solver.steps import pretrain_step
from molweight.solver.weights import GradientScale
from molweight.text.problems import TextPretrainProblem
from molweight.tokens.sampling import bucketed_batch
from molweight.tokens.store import TokenStore, collate


@dataclass(frozen=True)
class TextPretrainConfig:
    """Settings of pretraining.

    Attributes:
        steps: optimiser steps.
        batch_size: texts to a step.
        lr: Adam's learning rate for the encoder.
        head_lr: that of the objectives' heads.
        seed: of batches and random choices.
    """

    steps: int
    batch_size: int
    lr: float
    head_lr: float
    seed: int = 0


def pretrain_text(
    problem: TextPretrainProblem,
    store: TokenStore,
    texts: Tensor,
    weights: dict[str, float],
    config: TextPretrainConfig,
) -> Iterator[dict[str, float]]:
    """Take all steps, yielding the unweighted losses of each by objective.

    Batches and random choices are those of level I of the three-level loop with the same seed, so that
    its weights are all that two runs differ by.

    Args:
        problem: changed in place.
        store: on the problem's device.
        texts: positions in the store to learn from, on the same device.
        weights: share of each objective.
        config: settings.

    Raises:
        FloatingPointError: if a loss is not finite; the text names the objective.
    """
    optimiser, scale = _adam(problem, config), GradientScale()
    problem.train()
    for step in range(config.steps):
        batch = collate(store, bucketed_batch(store.lengths, texts, config.batch_size, step, config.seed))
        seed = mixed_seed(config.seed, step, PRETRAIN)
        yield pretrain_step(problem, optimiser, batch, seed, weights, scale).losses


def _adam(problem: TextPretrainProblem, config: TextPretrainConfig) -> torch.optim.Optimizer:
    groups = [
        {"params": list(problem.encoder.parameters()), "lr": config.lr},
        {"params": list(problem.objectives.parameters()), "lr": config.head_lr},
    ]
    return torch.optim.Adam(groups, fused=True)
