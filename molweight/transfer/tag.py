"""Task affinities (TAG: Fifty et al., NeurIPS 2021, eq. 1): what a step for one task does to another's loss.

A network with one trunk is trained on all tasks at once. At some of the steps, the trunk alone is
moved down the gradient of one task i, and the loss of each task j on the same molecules is looked at again:
Z_ij = 1 - L_j(after) / L_j(before). Its mean over training says how much i helps j, at the cost of one
training for all pairs.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.tasks.data import Scaler, TaskKind
from molweight.tasks.sampling import step_batch

LEAST_OVERLAP = 0.3  # of samples: below, few molecules of a batch tell two tasks of each other

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TagConfig:
    """Settings of the joint training.

    Attributes:
        steps: of training.
        every: steps from one look at the affinities to the next.
        batch: molecules to a step.
        width: of the two layers of the trunk.
        rate: of stochastic gradient descent, and of the trunk's step for one task.
        momentum: of the descent.
    """

    steps: int = 200
    every: int = 5
    batch: int = 64
    width: int = 64
    rate: float = 0.03
    momentum: float = 0.9


def affinities(
    features: NDArray[np.float32],
    labels: NDArray[np.float32],
    kind: TaskKind,
    config: TagConfig = TagConfig(),
    seed: int = 0,
) -> Array:
    """Train on all tasks and measure how much each helps each: float64 [helped, helper].

    Args:
        features: of the molecules, [molecules, width].
        labels: [molecules, tasks], NaN where missing.
        kind: of the tasks.
        config: settings.
        seed: of the weights and the batches.

    Returns:
        Mean relative fall of the helped task's loss; NaN where no batch had labels of both.
    """
    inputs = torch.from_numpy(features)
    targets = torch.from_numpy(Scaler.of(labels, kind).transform(labels))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trunk, heads = _network(inputs.shape[1], config.width, targets.shape[1])
    descent = torch.optim.SGD([*trunk.parameters(), *heads.parameters()], config.rate, config.momentum)
    seen = []
    for step in range(config.steps):
        batch = step_batch(torch.arange(len(inputs)), config.batch, step, seed)
        if step % config.every == 0:
            seen.append(look_ahead(trunk, heads, inputs[batch], targets[batch], kind, config.rate))
        descent.zero_grad()
        task_losses(heads(trunk(inputs[batch])), targets[batch], kind).nansum().backward()
        descent.step()
    return torch.stack(seen).nanmean(dim=0).numpy()


def _network(inputs: int, width: int, tasks: int) -> tuple[nn.Module, nn.Linear]:
    trunk = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    return trunk, nn.Linear(width, tasks)


def look_ahead(
    trunk: nn.Module, heads: nn.Module, inputs: Tensor, labels: Tensor, kind: TaskKind, rate: float
) -> Tensor:
    """Relative fall of each task's loss when the trunk takes a step for each task: float64 [helped, helper].

    Args:
        trunk: shared network.
        heads: from the trunk's output to all tasks' values; they are not moved.
        inputs: of one batch, [molecules, width].
        labels: [molecules, tasks], NaN where missing.
        kind: of the tasks.
        rate: of the step.

    Returns:
        NaN where a task has no label in the batch.
    """
    parameters = dict(trunk.named_parameters())
    before = task_losses(heads(trunk(inputs)), labels, kind)
    columns = []
    for task in range(labels.shape[1]):
        if before[task].isnan():
            columns.append(torch.full_like(before, torch.nan))
            continue
        gradients = torch.autograd.grad(before[task], list(parameters.values()), retain_graph=True)
        moved = {n: p - rate * g for (n, p), g in zip(parameters.items(), gradients, strict=True)}
        with torch.no_grad():
            after = task_losses(heads(torch.func.functional_call(trunk, moved, (inputs,))), labels, kind)
        columns.append(1 - after / before)
    return torch.stack(columns, dim=1).detach().double()


def task_losses(predicted: Tensor, labels: Tensor, kind: TaskKind) -> Tensor:
    """The mean loss of each task over its labels, [tasks]; NaN where it has none."""
    present = ~labels.isnan()
    target = torch.where(present, labels, 0.0)
    if kind == "classification":
        each = F.binary_cross_entropy_with_logits(predicted, target, reduction="none")
    else:
        each = (predicted - target).square()
    counts = present.sum(0)
    means = torch.where(present, each, 0.0).sum(0) / counts.clamp(min=1)
    return torch.where(counts > 0, means, torch.nan)


def shared_samples(labels: NDArray[np.float32]) -> Array:
    """Molecules measured for both of two tasks, as a share of the smaller task's: float64 [tasks, tasks].

    Args:
        labels: [molecules, tasks], NaN where missing.
    """
    present = (~np.isnan(labels)).astype(np.float64)
    own = present.sum(0)
    return present.T @ present / np.maximum(np.minimum(own, own[:, None]), 1)


def thinly_shared(labels: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of tasks with fewer than 30 % of samples in common, where affinities find help less often."""
    rows, columns = np.nonzero(np.triu(shared_samples(labels) < LEAST_OVERLAP, 1))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
