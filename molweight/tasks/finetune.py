"""Fine-tuning an encoder on labelled molecules, stopped early by the validation split."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import DataError
from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.tasks.data import Scaler, TaskData, as_tensor, labelled_batch
from molweight.tasks.metrics import Metric, score
from molweight.tasks.problems import FinetuneProblem
from molweight.tasks.sampling import step_batch

PREDICT_BATCH = 512


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of fine-tuning (the literature's protocol, with early stopping).

    Attributes:
        epochs: at most this many passes over the train molecules.
        patience: epochs without a better validation score before stopping.
        batch_size: molecules to a step.
        lr: Adam's learning rate.
        dropout: after each layer of the encoder.
    """

    epochs: int
    patience: int
    batch_size: int = 32
    lr: float = 1e-3
    dropout: float = 0.5


@dataclass(frozen=True)
class FinetuneRecord:
    """One epoch: mean train loss, and the validation score."""

    epoch: int
    loss: float
    valid: float


@dataclass(frozen=True)
class FinetunedModel:
    """A fitted encoder and head with the scale of its targets, and the best validation score."""

    problem: FinetuneProblem
    scaler: Scaler
    valid: float

    def predict(self, store: Store, molecules: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores that rank, or values in the units of the data: [molecules, tasks]."""
        return self.scaler.invert(predict(self.problem, store, molecules))


def finetune(
    encoder: GIN,
    data: TaskData,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    metric: Metric,
    config: FinetuneConfig,
    compute: Compute,
    seed: int,
    progress: Callable[[FinetuneRecord], None] = lambda record: None,
) -> FinetunedModel:
    """Fine-tune a copy of the encoder and keep the epoch with the best validation score.

    Args:
        encoder: left as it is.
        data: labels of molecules outside `train` and `valid` are not read.
        train: molecules to learn from.
        valid: molecules that choose the epoch.
        metric: what chooses.
        config: settings.
        compute: device and precision.
        seed: of head, batches and dropout.
        progress: called after each epoch.

    Raises:
        FloatingPointError: if the loss is not finite.
        DataError: if the validation molecules have no task that the metric can be computed on.
    """
    torch.manual_seed(seed)
    problem = FinetuneProblem(copy.deepcopy(encoder), len(data.tasks), data.kind, compute).to(compute.device)
    problem.encoder.dropout = config.dropout
    scaler = Scaler.of(data.labels[train], data.kind)
    store = data.store.to(compute.device)
    labels = torch.from_numpy(scaler.transform(data.labels)).to(compute.device)
    optimiser = torch.optim.Adam(problem.parameters(), config.lr, fused=True)
    best, best_state, waited = -np.inf, copy.deepcopy(problem.state_dict()), 0
    sign = 1 if metric.higher_is_better else -1
    for epoch in range(config.epochs):
        loss = _epoch(
            problem, store, labels, as_tensor(train, compute.device), optimiser, config, epoch, seed
        )
        predicted = scaler.invert(predict(problem, store, valid))
        reached = score(metric, data.labels[valid], predicted, data.tasks).value
        if np.isnan(reached):
            raise DataError(
                f"{metric.name} cannot be computed on the {len(valid)} validation molecules (one class only, "
                "or no label): no epoch can be chosen; validate on others"
            )
        progress(FinetuneRecord(epoch, loss, reached))
        waited += 1
        if sign * reached > best:
            best, best_state, waited = sign * reached, copy.deepcopy(problem.state_dict()), 0
        if waited >= config.patience:
            break
    problem.load_state_dict(best_state)
    return FinetunedModel(problem.eval(), scaler, sign * best)


def predict(problem: FinetuneProblem, store: Store, molecules: NDArray[np.int64]) -> NDArray[np.float32]:
    """The problem's own output for each molecule, in evaluation mode: [molecules, tasks]."""
    store = store.to(problem.compute.device)
    chosen = as_tensor(molecules, store.device)
    problem.eval()
    with torch.no_grad():
        parts = [problem.predict(collate(store, part)) for part in chosen.split(PREDICT_BATCH)]
    return torch.cat(parts).cpu().numpy()


def _epoch(
    problem: FinetuneProblem,
    store: Store,
    labels: Tensor,
    train: Tensor,
    optimiser: torch.optim.Optimizer,
    config: FinetuneConfig,
    epoch: int,
    seed: int,
) -> float:
    problem.train()
    steps = max(1, len(train) // config.batch_size)
    total = torch.zeros((), device=store.device)
    for step in range(epoch * steps, (epoch + 1) * steps):
        batch = labelled_batch(store, labels, step_batch(train, config.batch_size, step, seed))
        loss = problem.loss(problem(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.detach()
    mean = float(total) / steps
    if not np.isfinite(mean):
        raise FloatingPointError(f"fine-tuning loss is {mean} in epoch {epoch}; lower the learning rate")
    return mean
