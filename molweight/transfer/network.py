"""A network of a shared trunk and one head for each task, as multi-task learning usually is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.tasks.data import Scaler, TaskKind
from molweight.tasks.losses import masked_loss
from molweight.tasks.sampling import step_batch

Labels = NDArray[np.float32]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class NetworkConfig:
    """Settings of training; steps are the same however many samples there are.

    Attributes:
        steps: of Adam.
        batch_size: molecules to a step.
        width: of the hidden layer.
        dropout: after it.
        lr: learning rate; on train folds of three KIBA targets, 16, 64 and 256 samples came to a ROC-AUC of
            0.596, 0.696 and 0.798 with 3e-3, and of 0.595, 0.690 and 0.799 with 1e-3.
        weight_decay: of all parameters.
    """

    steps: int = 300
    batch_size: int = 64
    width: int = 256
    dropout: float = 0.3
    lr: float = 3e-3
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class Stage:
    """Samples that a network is trained on, from where the stage before has left it.

    Attributes:
        molecules: of the samples, int64 [samples].
        labels: float32 [samples, tasks], NaN where not sampled.
        steps: of training.
    """

    molecules: Positions
    labels: Labels
    steps: int


def train_network(
    features: NDArray[np.float32],
    labels: Labels,
    test: NDArray[np.float32],
    kind: TaskKind,
    config: NetworkConfig,
    seed: int,
) -> Labels:
    """Train on samples of one or more tasks, and predict.

    Args:
        features: of the samples, [samples, features].
        labels: [samples, tasks], NaN where not sampled.
        test: features of molecules to predict, [test, features].
        kind: of the tasks.
        config: settings.
        seed: of weights, batches and dropout.

    Returns:
        Scores that rank, or values in units of the labels: [test, tasks].

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    stage = Stage(np.arange(len(features)), labels, config.steps)
    return train_in_stages(features, [stage], test, kind, config, seed)[0]


def train_in_stages(
    features: NDArray[np.float32],
    stages: Sequence[Stage],
    test: NDArray[np.float32],
    kind: TaskKind,
    config: NetworkConfig,
    seed: int,
) -> list[Labels]:
    """Train one network on one stage after another, and predict after each.

    A feature that is 0 in all samples so far is taken for 0 in what is predicted. Nothing was learned of it,
    and without such columns a training took a fifth to a half of the time, at the same scores (KIBA, ECFP4).

    Args:
        features: of all molecules, [molecules, features].
        stages: of the same tasks.
        test: features of molecules to predict, [test, features].
        kind: of the tasks.
        config: settings; its steps are not read.
        seed: of weights, batches and dropout.

    Returns:
        For each stage scores that rank, or values in units of the labels: [test, tasks].

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    used = np.flatnonzero(np.any([features[stage.molecules].any(axis=0) for stage in stages], axis=0))
    asked, seen, predicted = torch.from_numpy(test[:, used]), torch.zeros(len(used), dtype=torch.bool), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make_network(features.shape[1], stages[0].labels.shape[1], config, used)
        optimiser = torch.optim.AdamW(
            net.parameters(), config.lr, weight_decay=config.weight_decay, fused=True
        )
        for stage in stages:
            scaler = Scaler.of(stage.labels, kind)
            x = torch.from_numpy(features[np.ix_(stage.molecules, used)])
            y = torch.from_numpy(scaler.transform(stage.labels))
            _train(net.train(), optimiser, x, y, kind, stage.steps, config.batch_size, seed)
            seen |= (x != 0).any(dim=0)
            with torch.inference_mode():
                predicted.append(scaler.invert(net.eval()(asked * seen).numpy()))
    return predicted


def sampled_labels(
    labels: Labels, samples: Sequence[tuple[int, NDArray[np.int64]]]
) -> tuple[NDArray[np.int64], Labels]:
    """Samples of several tasks as one table.

    Args:
        labels: [molecules, tasks].
        samples: each task with its molecules.

    Returns:
        Molecules int64 [n], rising, and labels float32 [n, samples], NaN where not sampled.
    """
    molecules = np.unique(np.concatenate([chosen for _, chosen in samples]))
    table = np.full((len(molecules), len(samples)), np.nan, np.float32)
    for column, (task, chosen) in enumerate(samples):
        table[np.searchsorted(molecules, chosen), column] = labels[chosen, task]
    return molecules, table


def _train(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    kind: TaskKind,
    steps: int,
    batch_size: int,
    seed: int,
) -> None:
    for step in range(steps):
        chosen = step_batch(torch.arange(len(x)), batch_size, step, seed)
        loss = masked_loss(net(x[chosen]), y[chosen], kind)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss of a network is {float(loss.detach())} after {steps} steps")


def make_network(
    features: int, tasks: int, config: NetworkConfig, used: Positions | None = None
) -> nn.Module:
    """A hidden layer and a head for each task, untrained.

    Args:
        features: how many there are.
        tasks: how many there are.
        config: settings.
        used: features that the network is to have, with the first weights of one of all; all where None.
    """
    first = nn.Linear(features, config.width)
    if used is not None:
        first.weight = nn.Parameter(first.weight.detach()[:, torch.from_numpy(used)].contiguous())
    return nn.Sequential(
        first,
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.width, tasks),
    )
