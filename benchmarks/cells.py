"""One cell of a benchmark on molecules: a method with a seed on a split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.running import outcome_of
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.splits import Split
from molweight.reports.progress import Advance
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.budgets import Budget
from molweight.tasks.data import Corpus, TaskData
from molweight.tasks.methods import Job, Method
from molweight.tasks.metrics import METRICS, Metric, Score, score


@dataclass(frozen=True)
class Setting:
    """What the cells of one data set have in common.

    Attributes:
        data: molecules with all their labels; no method is given those of a test part.
        metric: the score that counts.
        budget: of every method.
        compute: device and precision.
        checkpoint: the encoder that methods start from.
        objectives: names of those to pretrain on.
        ranks: those that share each batch of continued pretraining.
    """

    data: TaskData
    metric: Metric
    budget: Budget
    compute: Compute
    checkpoint: GIN
    objectives: tuple[str, ...]
    ranks: Ranks = ALONE


def run_cell(
    setting: Setting,
    method: Method,
    split: Split,
    seed: int,
    corpus: Corpus | None = None,
    snapshot: Path | None = None,
    advance: Advance = lambda done, total, remark: None,
) -> Outcome:
    """Fit on data without test labels, predict, and only then score against them.

    Args:
        setting: what all cells of the data set share.
        method: how to fit.
        split: train, valid and test.
        seed: of the method's random choices.
        corpus: molecules of continued pretraining; those of the train part where there is none.
        snapshot: file where the method may keep its state.
        advance: reports progress.
    """
    job = Job(
        setting.data.hide_labels(split.test),
        split,
        setting.metric,
        setting.budget,
        setting.compute,
        seed,
        setting.checkpoint,
        setting.objectives,
        corpus,
        snapshot,
        advance,
        setting.ranks,
    )
    labels, data = setting.data.labels[split.test], job.data

    def scores(predicted: np.ndarray) -> dict[str, Score]:
        return {
            metric.name: score(metric, labels, predicted, data.tasks)
            for metric in METRICS.values()
            if metric.kind == data.kind
        }

    return outcome_of(lambda: method(job), split.test, setting.metric.name, scores, setting.compute.machine)
