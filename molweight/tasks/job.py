"""What a method is asked for, and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.splits import Split
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.solver import StepRecord
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.baselines import EachTask
from molweight.tasks.budgets import Budget
from molweight.tasks.consensus import Consensus, Trees, beside_trees
from molweight.tasks.data import Corpus, TaskData
from molweight.tasks.early_stopping import FinetuneRecord
from molweight.tasks.finetune import FinetunedModel, MakeStep, finetune, finetuning_step
from molweight.tasks.metrics import Metric, score

Predictions = NDArray[np.float32]  # [molecules, tasks]
Advance = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Job:
    """One method on one split with one seed; the data come without the labels of the test molecules.

    Attributes:
        checkpoint: the encoder to start from; left as it is.
        objectives: names of those to pretrain on.
        corpus: molecules of continued pretraining; those of the train part where there is none.
        snapshot: file where a method may keep its state while it runs.
        advance: reports progress: steps done, steps in all, a remark.
        ranks: those that share each batch of continued pretraining.
    """

    data: TaskData
    split: Split
    metric: Metric
    budget: Budget
    compute: Compute
    seed: int
    checkpoint: GIN
    objectives: tuple[str, ...] = DEFAULT_GRAPH_OBJECTIVES
    corpus: Corpus | None = None
    snapshot: Path | None = None
    advance: Advance = lambda done, total, remark: None
    ranks: Ranks = ALONE

    @cached_property
    def labelled(self) -> TaskData:
        """The data with what this budget's property heads, and trees beside them, read."""
        return self.data.for_heads(self.budget.inputs)


@dataclass(frozen=True)
class Fitted:
    """A fitted method: its model, its validation score, and what it did with objective weights.

    Attributes:
        model: what was fitted.
        encoder: what was fine-tuned, as it was before; None where there is none.
        predict: from positions in the job's data.
        valid: score of the epoch that was chosen.
        weights: of the objectives, where there were any.
        history: of learning them.
    """

    model: FinetunedModel | Trees | Consensus | EachTask
    predict: Callable[[NDArray[np.int64]], Predictions]
    valid: float
    encoder: GIN | None = None
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)


Method = Callable[[Job], Fitted]


def judged(job: Job, predict: Callable[[NDArray[np.int64]], Predictions]) -> float:
    """Validation score of what predicts from positions in the job's data."""
    valid = job.split.valid
    return score(job.metric, job.data.labels[valid], predict(valid), job.data.tasks).value


def fine_tuned(
    encoder: GIN,
    job: Job,
    weights: dict[str, float] | None = None,
    history: list[StepRecord] | None = None,
    make_step: MakeStep = finetuning_step,
) -> Fitted:
    """Fine-tune a copy of an encoder on the train part, and fit trees beside it where the budget says so.

    Args:
        encoder: left as it is.
        job: what to do.
        weights: of the objectives that the encoder was pretrained on, to be told.
        history: of learning them.
        make_step: what a step of fine-tuning is.
    """
    config, data = job.budget.finetune, job.labelled

    def show(record: FinetuneRecord) -> None:
        job.advance(record.epoch + 1, config.epochs, record.remark(job.metric.name))

    network = finetune(
        encoder,
        data,
        job.split.train,
        job.split.valid,
        job.metric,
        config,
        job.compute,
        job.seed,
        show,
        make_step,
    )

    kept = encoder, weights, history or []
    model = beside_trees(network, job.budget, data, job.split.train, job.seed)
    if isinstance(model, FinetunedModel):
        return Fitted(network, lambda m: network.predict(data.store, m), network.valid, *kept)

    def predict(molecules: NDArray[np.int64]) -> Predictions:
        return model.predict(data.smiles, data.store, molecules)

    return Fitted(model, predict, judged(job, predict), *kept)
