"""Fine-tuning a text encoder on labelled texts, stopped early by the validation part."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.encoders.compute import Compute
from molweight.encoders.transformer import TextEncoder, set_dropout
from molweight.solver.steps import finite_scalar
from molweight.tasks.data import Scaler, as_tensor
from molweight.tasks.early_stopping import FinetuneRecord, keep_best_epoch
from molweight.text.data import TextData
from molweight.text.metrics import TextMetric, score
from molweight.text.problems import TextFinetuneProblem, labelled_texts
from molweight.tokens.sampling import bucketed_batch, by_length
from molweight.tokens.store import TokenStore, collate

PREDICT_BATCH = 64
LONGEST_GRADIENT = 1.0  # to which longer ones are cut, as is customary


@dataclass(frozen=True)
class TextFinetuneConfig:
    """Settings of fine-tuning, the customary ones of transformers.

    Attributes:
        epochs: at most this many passes over the train texts.
        patience: epochs without a better validation score before stopping.
        batch_size: texts to a step.
        lr: AdamW's highest learning rate for the encoder.
        head_lr: that of the head, which starts from nothing.
        dropout: in the encoder, and before the head.
        warmup: share of all steps over which the rates rise from 0; then they fall to 0 linearly.
        weight_decay: of all but biases and normalisation.
    """

    epochs: int
    patience: int
    batch_size: int = 16
    lr: float = 5e-5
    head_lr: float = 1e-3
    dropout: float = 0.1
    warmup: float = 0.1
    weight_decay: float = 0.01

    def rate_at(self, step: int, steps: int) -> float:
        """Share of the highest learning rates in a step, counted from 0, of so many in all.

        >>> TextFinetuneConfig(epochs=1, patience=1, warmup=0.1).rate_at(55, 100)
        0.5
        """
        rising = max(1, round(self.warmup * steps))
        return min((step + 1) / rising, (steps - step) / max(1, steps - rising))


@dataclass(frozen=True)
class TextFinetuned:
    """A fitted encoder and head with the scale of its targets, and the best validation score."""

    problem: TextFinetuneProblem
    scaler: Scaler
    valid: float

    def predict(self, store: TokenStore, texts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits [texts, classes], or values in the units of the data [texts, 1]."""
        return self.scaler.invert(predict_texts(self.problem, store, texts))


def finetune_text(
    encoder: TextEncoder,
    data: TextData,
    store: TokenStore,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    metric: TextMetric,
    config: TextFinetuneConfig,
    compute: Compute,
    seed: int,
    progress: Callable[[FinetuneRecord], None] = lambda record: None,
) -> TextFinetuned:
    """Fine-tune a copy of the encoder and keep the epoch with the best validation score.

    Args:
        encoder: left as it is.
        data: labels of texts outside `train` and `valid` are not read.
        store: of the same texts.
        train: texts to learn from.
        valid: texts that choose the epoch.
        metric: what chooses.
        config: settings.
        compute: device and precision.
        seed: of head, batches and dropout.
        progress: called after each epoch.

    Raises:
        FloatingPointError: if the loss is not finite.
        DataError: if the metric cannot be computed on the validation texts.
    """
    torch.manual_seed(seed)
    problem = TextFinetuneProblem(
        copy.deepcopy(encoder), data.outputs, data.kind, compute, config.dropout
    ).to(compute.device)
    set_dropout(problem.encoder, config.dropout)
    scaler = text_scaler(data, train)
    store = store.to(compute.device)
    epoch_loss = _epochs(problem, store, scaled_labels(data, scaler, compute), train, config, seed)

    def valid_score() -> float:
        predicted = scaler.invert(predict_texts(problem, store, valid))
        return score(metric, data.labels[valid], predicted).value

    losses = map(epoch_loss, range(config.epochs))
    best = keep_best_epoch(
        problem,
        losses,
        valid_score,
        metric.name,
        f"the {len(valid)} validation texts",
        metric.higher_is_better,
        config.patience,
        progress,
    )
    return TextFinetuned(problem, scaler, best)


def predict_texts(
    problem: TextFinetuneProblem, store: TokenStore, texts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The problem's own output for each text, in evaluation mode: [texts, outputs]."""
    store = store.to(problem.compute.device)
    chosen = as_tensor(texts, problem.compute.device)
    lengths = store.lengths[chosen]
    places = by_length(lengths, torch.arange(len(chosen), device=chosen.device), PREDICT_BATCH)
    found = torch.zeros(len(chosen), problem.head.out_features, device=chosen.device)
    problem.eval()
    with torch.inference_mode():
        for part in places:
            found[part] = problem.predict(collate(store, chosen[part]))
    return found.cpu().numpy()


def text_scaler(data: TextData, train: NDArray[np.int64]) -> Scaler:
    """The scale of the train labels."""
    return Scaler.of(data.labels[train, None], data.kind)


def scaled_labels(data: TextData, scaler: Scaler, compute: Compute) -> Tensor:
    """Labels as a problem wants them, [texts], on its device."""
    return torch.from_numpy(scaler.transform(data.labels[:, None])[:, 0]).to(compute.device)


def _epochs(
    problem: TextFinetuneProblem,
    store: TokenStore,
    labels: Tensor,
    train: NDArray[np.int64],
    config: TextFinetuneConfig,
    seed: int,
) -> Callable[[int], float]:
    """From the number of an epoch, in order, to its mean loss."""
    optimiser, lengths = _adamw(problem, config), store.lengths
    learn = as_tensor(train, problem.compute.device)
    each = max(1, len(train) // config.batch_size)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: config.rate_at(s, config.epochs * each))

    def step(number: int) -> float:
        chosen = bucketed_batch(lengths, learn, config.batch_size, number, seed)
        batch = labelled_texts(store, labels, chosen)
        optimiser.zero_grad()
        loss = problem.loss(problem(batch), batch)
        loss.backward()
        nn.utils.clip_grad_norm_(problem.parameters(), LONGEST_GRADIENT)
        optimiser.step()
        rates.step()
        return finite_scalar(loss, "fine-tuning")

    def epoch(number: int) -> float:
        problem.train()
        return sum(step(s) for s in range(number * each, (number + 1) * each)) / each

    return epoch


def _adamw(problem: TextFinetuneProblem, config: TextFinetuneConfig) -> torch.optim.Optimizer:
    """Two rates, each with and without decay; vectors, which are biases and scales, are left to grow."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, p in problem.named_parameters():
        rate = config.lr if name.startswith("encoder.") else config.head_lr
        groups.setdefault((rate, config.weight_decay if p.ndim > 1 else 0.0), []).append(p)
    listed = [{"params": ps, "lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]
    return torch.optim.AdamW(listed, fused=True)
