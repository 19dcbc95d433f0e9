"""A network of a shared trunk and one head for each task, as multi-task learning usually is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from molweight.tasks.data import Scaler, TaskKind
from molweight.tasks.losses import masked_loss
from molweight.tasks.sampling import step_batch

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class NetworkConfig:
    """Settings of training; steps are the same however many samples there are.

    Attributes:
        steps: of Adam.
        batch_size: molecules to a step.
        width: of the hidden layer.
        dropout: after it.
        lr: learning rate.
        weight_decay: of all parameters.
    """

    steps: int = 300
    batch_size: int = 64
    width: int = 256
    dropout: float = 0.3
    lr: float = 3e-3
    weight_decay: float = 1e-4


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
    scaler = Scaler.of(labels, kind)
    x, y = torch.from_numpy(features), torch.from_numpy(scaler.transform(labels))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make_network(features.shape[1], labels.shape[1], config)
        optimiser = torch.optim.AdamW(net.parameters(), config.lr, weight_decay=config.weight_decay)
        for step in range(config.steps):
            chosen = step_batch(torch.arange(len(x)), config.batch_size, step, seed)
            loss = masked_loss(net(x[chosen]), y[chosen], kind)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"the loss of a network is {float(loss.detach())} after {config.steps} steps"
        )
    with torch.inference_mode():
        return scaler.invert(net.eval()(torch.from_numpy(test)).numpy())


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


def make_network(features: int, tasks: int, config: NetworkConfig) -> nn.Module:
    """A hidden layer and a head for each task, untrained."""
    return nn.Sequential(
        nn.Linear(features, config.width),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.width, tasks),
    )
