"""Fine-tuning an encoder on labelled molecules, stopped early by the validation split."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.padding import Sizes, collate_padded
from molweight.molecules.store import Store
from molweight.tasks.data import LabelledBatch, Scaler, TaskData, as_tensor, labelled_batch
from molweight.tasks.early_stopping import FinetuneRecord, keep_best_epoch
from molweight.tasks.metrics import Metric, score
from molweight.tasks.optimisers import adam, add_parameters
from molweight.tasks.problems import FinetuneProblem
from molweight.tasks.replay import Replay
from molweight.tasks.sampling import step_batch

PREDICT_BATCH = 512

Step = Callable[[Tensor], Tensor]
MakeStep = Callable[[FinetuneProblem, Store, Tensor, Tensor, torch.optim.Optimizer, int], Step]


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of fine-tuning (the literature's protocol, with early stopping).

    Attributes:
        epochs: at most this many passes over the train molecules.
        patience: epochs without a better validation score before stopping.
        batch_size: molecules to a step.
        lr: Adam's learning rate.
        encoder_lr_factor: of it for the encoder; below 1, a head that is new moves faster than what it reads
            (discriminative fine-tuning, Howard & Ruder, ACL 2018).
        dropout: after each layer of the encoder.
        average: epochs over whose ends weights are averaged before they are judged; 1 averages none.
        descriptors: whether the head reads RDKit's descriptors beside what the encoder says, as in chemprop
            (Yang et al., J. Chem. Inf. Model. 2019).
        fingerprints: whether it reads the 2,048 bits of ECFP4, likewise.
    """

    epochs: int
    patience: int
    batch_size: int = 32
    lr: float = 1e-3
    dropout: float = 0.5
    average: int = 1
    encoder_lr_factor: float = 1.0
    descriptors: bool = False
    fingerprints: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size", "average"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be positive, got {self.lr}")
        if not 0 < self.encoder_lr_factor < math.inf:
            raise ValueError(f"encoder_lr_factor must be positive, got {self.encoder_lr_factor}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, got {self.dropout}")

    @property
    def inputs(self) -> HeadInputs:
        """What the head reads beside what the encoder says."""
        return HeadInputs(self.descriptors, self.fingerprints)


@dataclass(frozen=True)
class FinetunedModel:
    """A fitted encoder and head with the scale of its targets, and the best validation score."""

    problem: FinetuneProblem
    scaler: Scaler
    valid: float

    def predict(self, store: Store, molecules: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores that rank, or values in the units of the data: [molecules, tasks].

        Raises:
            ValueError: if the store does not carry what the head reads.
        """
        return self.scaler.invert(predict(self.problem, store, molecules))


def finetuning_step(
    problem: FinetuneProblem,
    store: Store,
    labels: Tensor,
    train: Tensor,
    optimiser: torch.optim.Optimizer,
    batch_size: int,
) -> Step:
    """From the molecules of a step to its loss, which the next step may overwrite.

    Where the compute replays, a step is a program of fixed shape; a batch that has no room in it is taken as
    it is.

    Args:
        problem: in training when a step is taken.
        store: on the problem's device.
        labels: [molecules of the store, tasks], on the problem's device.
        train: what steps choose from, on the CPU.
        optimiser: of the problem's parameters.
        batch_size: molecules to a step.
    """

    def learn(batch: LabelledBatch) -> Tensor:
        loss = problem.loss(problem(batch), batch)
        params = list(problem.parameters())
        for p, gradient in zip(
            params, torch.autograd.grad(loss, params, materialize_grads=True), strict=True
        ):
            p.grad = gradient.contiguous()
        optimiser.step()
        return loss.detach()

    def plain(molecules: Tensor) -> Tensor:
        return learn(labelled_batch(store, labels, molecules.to(store.device)))

    if not problem.compute.replays:
        return plain
    sizes, count = Sizes.of(store), min(batch_size, len(train))
    capacity = sizes.capacity(train, count)

    def program(molecules: Tensor) -> Tensor:
        return learn(LabelledBatch(collate_padded(store, molecules, capacity), labels[molecules]))

    replay = Replay(program, [torch.zeros(count, dtype=torch.int64, device=store.device)])
    return lambda molecules: (replay if sizes.fit(molecules, capacity) else plain)(molecules)


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
    make_step: MakeStep = finetuning_step,
) -> FinetunedModel:
    """Fine-tune a copy of the encoder and keep the epoch with the best validation score.

    Args:
        encoder: left as it is.
        data: labels of molecules outside `train` and `valid` are not read. Its store carries what
            the head reads (see `TaskData.for_heads`).
        train: molecules to learn from.
        valid: molecules that choose the epoch.
        metric: what chooses.
        config: settings.
        compute: device and precision.
        seed: of head, batches and dropout.
        progress: called after each epoch.
        make_step: what a step is; called as `finetuning_step`.

    Raises:
        FloatingPointError: if the loss is not finite.
        DataError: if the validation molecules have no task that the metric can be computed on.
        ValueError: if the store does not carry what the head reads.
    """
    torch.manual_seed(seed)
    problem = FinetuneProblem(copy.deepcopy(encoder), len(data.tasks), data.kind, compute, config.inputs)
    problem.to(compute.device)
    problem.encoder.dropout = config.dropout
    scaler = Scaler.of(data.labels[train], data.kind)
    store = data.store.to(compute.device)
    problem.fit_scale(store, train)
    labels = torch.from_numpy(scaler.transform(data.labels)).to(compute.device)
    optimiser = adam(problem.head.parameters(), config.lr, compute.device)
    slower = config.lr * config.encoder_lr_factor
    add_parameters(optimiser, problem.encoder.parameters(), slower, compute.device)
    # batches are drawn on the CPU, where it is known whether they fit what is recorded
    learn = as_tensor(train, torch.device("cpu"))
    step = make_step(problem, store, labels, learn, optimiser, config.batch_size)

    def valid_score() -> float:
        predicted = scaler.invert(predict(problem, store, valid))
        return score(metric, data.labels[valid], predicted, data.tasks).value

    losses = (_epoch(problem, step, learn, config, epoch, seed) for epoch in range(config.epochs))
    best = keep_best_epoch(
        problem,
        losses,
        valid_score,
        metric.name,
        f"the {len(valid)} validation molecules (one class only, or no label)",
        metric.higher_is_better,
        config.patience,
        progress,
        config.average,
    )
    return FinetunedModel(problem, scaler, best)


def predict(problem: FinetuneProblem, store: Store, molecules: NDArray[np.int64]) -> NDArray[np.float32]:
    """The problem's own output for each molecule, in evaluation mode: [molecules, tasks]."""
    store = store.to(problem.compute.device)
    chosen = as_tensor(molecules, store.device)
    problem.eval()
    with torch.inference_mode():  # in which sums are taken in order on a GPU too
        parts = [problem.predict(collate(store, part)) for part in chosen.split(PREDICT_BATCH)]
    return torch.cat(parts).cpu().numpy()


def _epoch(
    problem: FinetuneProblem, step: Step, train: Tensor, config: FinetuneConfig, epoch: int, seed: int
) -> float:
    problem.train()
    steps = max(1, len(train) // config.batch_size)
    total = torch.zeros((), device=problem.compute.device)
    for number in range(epoch * steps, (epoch + 1) * steps):
        total += step(step_batch(train, config.batch_size, number, seed))
    mean = float(total) / steps
    if not np.isfinite(mean):
        raise FloatingPointError(f"fine-tuning loss is {mean} in epoch {epoch}; lower the learning rate")
    return mean
