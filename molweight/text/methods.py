"""Methods that fit a text task: each learns from train, chooses by valid, and never sees test."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from molweight.encoders.compute import Compute
from molweight.encoders.transformer import TextEncoder
from molweight.encoders.transformer_checkpoints import LoadedText
from molweight.molecules.splits import Split
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.solver import StepRecord
from molweight.solver.weights import uniform_weights
from molweight.tasks.data import as_tensor
from molweight.tasks.early_stopping import FinetuneRecord
from molweight.tasks.methods import named_methods
from molweight.tasks.remarks import format_values
from molweight.text.baselines import Tfidf
from molweight.text.budgets import TextBudget
from molweight.text.data import TextData
from molweight.text.finetune import TextFinetuned, finetune_text
from molweight.text.metrics import TextMetric, score
from molweight.text.pretrain import pretrain_text
from molweight.text.reweight import pretrain_problem, reweight_text
from molweight.tokens.store import TokenStore

Outputs = NDArray[np.float32]  # [texts, classes] or [texts, 1]
Advance = Callable[[int, int | None, str], None]
PLAIN = "masked_language_modelling"  # what task-adaptive pretraining is without anything to weigh


@dataclass(frozen=True)
class TextJob:
    """One method on one split with one seed; the data come without the labels of the test texts.

    Attributes:
        data: the texts.
        store: the same texts as tokens.
        split: rows of each part.
        metric: what validation chooses by.
        budget: settings.
        compute: device and precision.
        seed: of everything random.
        checkpoint: to start from; left as it is.
        objectives: names of those to pretrain on.
        corpus: texts of continued pretraining; those of the train part where there is none.
        snapshot: file where a method may keep its state while it runs.
        advance: reports progress: steps done, steps in all, a remark.
    """

    data: TextData
    store: TokenStore
    split: Split
    metric: TextMetric
    budget: TextBudget
    compute: Compute
    seed: int
    checkpoint: LoadedText
    objectives: tuple[str, ...] = tuple(TEXT_OBJECTIVES)
    corpus: TokenStore | None = None
    snapshot: Path | None = None
    advance: Advance = lambda done, total, remark: None


@dataclass(frozen=True)
class TextFitted:
    """A fitted method: its model, its validation score, and what it did with objective weights.

    Attributes:
        model: what was fitted.
        predict: from positions in the job's data.
        valid: score of what was chosen.
        weights: of the objectives, where there were any.
        history: of learning them.
        encoder: what was fine-tuned, as it was before; None where there is none.
    """

    model: TextFinetuned | Tfidf
    predict: Callable[[NDArray[np.int64]], Outputs]
    valid: float
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)
    encoder: TextEncoder | None = None


TextMethod = Callable[[TextJob], TextFitted]


def tfidf(job: TextJob) -> TextFitted:
    """A linear model of words and pairs of words."""
    split = job.split
    model = Tfidf.fit(job.data, split.train, split.valid, job.metric, job.seed)

    def predict(texts: NDArray[np.int64]) -> Outputs:
        chosen = job.data.take(texts)
        return model.predict(chosen.texts, chosen.pairs)

    reached = score(job.metric, job.data.labels[split.valid], predict(split.valid))
    return TextFitted(model, predict, reached.value)


def finetuned(job: TextJob) -> TextFitted:
    """The checkpoint, fine-tuned."""
    return _finetuned(job.checkpoint.encoder, job)


def equal(job: TextJob) -> TextFitted:
    """Continued pretraining on the objectives with equal weights, then fine-tuning."""
    torch.manual_seed(job.seed)
    encoder, device = job.checkpoint.encoder, job.compute.device
    problem = pretrain_problem(
        encoder, lambda e: text_objectives(e, job.objectives), job.budget.reweight.dropout, job.compute
    )
    config, weights = job.budget.continued_pretraining(job.seed), uniform_weights(job.objectives)
    store = (job.store if job.corpus is None else job.corpus).to(device)
    texts = job.split.train if job.corpus is None else np.arange(len(job.corpus))
    steps = pretrain_text(problem, store, as_tensor(texts, device), weights, config)
    for step, losses in enumerate(steps, 1):
        job.advance(step, config.steps, format_values(losses, 2))
    return _finetuned(problem.encoder, job, weights)


def mlm(job: TextJob) -> TextFitted:
    """Continued pretraining by masked language modelling alone (TAPT, Gururangan et al., ACL 2020)."""
    return equal(replace(job, objectives=(PLAIN,)))


def tapweight(job: TextJob) -> TextFitted:
    """Continued pretraining with weights learned from the task, then fine-tuning."""
    config = job.budget.reweight

    def show(record: StepRecord) -> None:
        remark = f"weights {format_values(record.weights, 2)}, fine-tuning loss {record.finetune_loss:.2f}"
        job.advance(record.step, config.loop.steps, remark)

    learned = reweight_text(
        job.checkpoint.encoder,
        job.data,
        job.store,
        job.split.train,
        job.split.valid,
        config,
        job.compute,
        job.seed,
        lambda encoder: text_objectives(encoder, job.objectives),
        show,
        job.snapshot,
        job.corpus,
    )
    return _finetuned(learned.encoder, job, learned.weights, learned.history)


TEXT_METHODS: dict[str, TextMethod] = {
    "tfidf": tfidf,
    "finetune": finetuned,
    "equal": equal,
    "mlm": mlm,
    "tapweight": tapweight,
}


def find_text_methods(names: str) -> dict[str, TextMethod]:
    """The methods of a comma-separated list.

    Raises:
        ConfigError: if one does not exist, or none is named.
    """
    return named_methods(names, TEXT_METHODS)


def _finetuned(
    encoder: TextEncoder,
    job: TextJob,
    weights: dict[str, float] | None = None,
    history: list[StepRecord] | None = None,
) -> TextFitted:
    config = job.budget.finetune

    def show(record: FinetuneRecord) -> None:
        job.advance(record.epoch + 1, config.epochs, record.remark(job.metric.name))

    model = finetune_text(
        encoder,
        job.data,
        job.store,
        job.split.train,
        job.split.valid,
        job.metric,
        config,
        job.compute,
        job.seed,
        show,
    )

    def predict(texts: NDArray[np.int64]) -> Outputs:
        return model.predict(job.store, texts)

    return TextFitted(model, predict, model.valid, weights, history or [], encoder)
