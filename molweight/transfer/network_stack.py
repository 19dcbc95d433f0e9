"""Many small networks of one shape trained at once, each as `train_network` would train it alone.

A small network leaves a processor waiting for the next call rather than for numbers, so that a hundred of
them in one stack of matrices take a fraction of the time of one after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.tasks.data import Scaler, TaskKind
from molweight.tasks.losses import masked_loss
from molweight.tasks.sampling import step_batch
from molweight.transfer.network import Labels, NetworkConfig, make_network


@dataclass(frozen=True)
class Lesson:
    """What one network learns from and is asked.

    Attributes:
        features: of its samples, float32 [samples, features].
        labels: float32 [samples, tasks], NaN where not sampled.
        test: features of molecules to predict, float32 [test, features].
    """

    features: NDArray[np.float32]
    labels: Labels
    test: NDArray[np.float32]


@dataclass(frozen=True)
class _Tables:
    """Samples of all networks, padded by rows of no labels; the last row of each is one.

    Attributes:
        features: [networks · rows, features].
        labels: [networks · rows, tasks].
        rows: of each network.
    """

    features: Tensor
    labels: Tensor
    rows: int


def train_stack(lessons: Sequence[Lesson], kind: TaskKind, config: NetworkConfig, seed: int) -> list[Labels]:
    """Train a network on each lesson, and predict.

    Args:
        lessons: of as many features and tasks each.
        kind: of the tasks.
        config: settings; there can be no dropout.
        seed: of weights and batches, the same for each.

    Returns:
        For each lesson what `train_network` returns, but for rounding: [test, tasks].

    Raises:
        ValueError: if there is dropout.
        FloatingPointError: if a loss is not finite.
    """
    if config.dropout:
        raise ValueError(f"networks in a stack have no dropout, got {config.dropout}")
    scalers = [Scaler.of(lesson.labels, kind) for lesson in lessons]
    tables, sizes = _padded(lessons, scalers), [len(lesson.features) for lesson in lessons]
    weights = _weights(lessons[0], len(lessons), config, seed)
    optimiser = torch.optim.AdamW(weights, config.lr, weight_decay=config.weight_decay)
    for chosen in _batches(sizes, tables.rows, config, seed):  # [networks, batch]
        predicted = _forward(weights, tables.features[chosen])
        losses = torch.func.vmap(masked_loss, (0, 0, None))(predicted, tables.labels[chosen], kind)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
    if not torch.isfinite(losses).all():
        raise FloatingPointError(f"the loss of a network in a stack is not finite after {config.steps} steps")
    with torch.inference_mode():
        asked = [_forward([w[n] for w in weights], torch.from_numpy(e.test)) for n, e in enumerate(lessons)]
    return [scaler.invert(values.numpy()) for scaler, values in zip(scalers, asked, strict=True)]


def _padded(lessons: Sequence[Lesson], scalers: Sequence[Scaler]) -> _Tables:
    rows = 1 + max(len(lesson.features) for lesson in lessons)
    width, tasks = lessons[0].features.shape[1], lessons[0].labels.shape[1]
    features = np.zeros((len(lessons), rows, width), np.float32)
    labels = np.full((len(lessons), rows, tasks), np.nan, np.float32)
    for n, (lesson, scaler) in enumerate(zip(lessons, scalers, strict=True)):
        features[n, : len(lesson.features)] = lesson.features
        labels[n, : len(lesson.features)] = scaler.transform(lesson.labels)
    return _Tables(torch.from_numpy(features).flatten(0, 1), torch.from_numpy(labels).flatten(0, 1), rows)


def _weights(lesson: Lesson, networks: int, config: NetworkConfig, seed: int) -> list[Tensor]:
    """Of both layers, [networks, in, out] and [networks, 1, out]; of one seed, so that all begin alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make_network(lesson.features.shape[1], lesson.labels.shape[1], config)
    found = []
    for layer in (each for each in net.modules() if isinstance(each, nn.Linear)):
        for values in (layer.weight.detach().T, layer.bias.detach()[None]):
            found.append(values.expand(networks, -1, -1).clone().requires_grad_())
    return found


def _forward(weights: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """Of one network on [molecules, features], or of all on [networks, molecules, features]."""
    first, first_bias, second, second_bias = weights
    return (inputs @ first + first_bias).relu() @ second + second_bias


def _batches(sizes: Sequence[int], rows: int, config: NetworkConfig, seed: int) -> Tensor:
    """Rows of the tables for each network, its last where it has too few: [steps, networks, batch]."""
    by_size = {}
    for size in set(sizes):
        found = [step_batch(torch.arange(size), config.batch_size, s, seed) for s in range(config.steps)]
        missing = config.batch_size - len(found[0])
        by_size[size] = F.pad(torch.stack(found), (0, missing), value=rows - 1)
    return torch.stack([by_size[size] for size in sizes], 1) + rows * torch.arange(len(sizes))[:, None]
