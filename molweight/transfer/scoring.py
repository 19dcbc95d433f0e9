"""Scores of one task, higher is better and 1 at best: ROC-AUC of classes, R² of numbers."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.tasks.data import TaskKind

Array = NDArray[np.float64]

FEWEST_TESTED = 5  # labels: below, R² says nothing


def score_task(kind: TaskKind, labels: Array, predicted: Array) -> float:
    """The score of predictions [molecules] of labels [molecules].

    NaN where there is one class only, or where numbers are all the same or fewer than five.
    """
    return _roc_auc(labels, predicted) if kind == "classification" else _r2(labels, predicted)


def metric_name(kind: TaskKind) -> str:
    """What `score_task` gives."""
    return "ROC-AUC" if kind == "classification" else "R²"


def _roc_auc(labels: Array, predicted: Array) -> float:
    """By ranks, ties counting half; scikit-learn's, in a twentieth of its time."""
    positive = labels == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    ranks = float(stats.rankdata(predicted)[positive].sum())
    return (ranks - ones * (ones + 1) / 2) / (ones * zeros)


def _r2(labels: Array, predicted: Array) -> float:
    spread = float(((labels - labels.mean()) ** 2).sum()) if len(labels) >= FEWEST_TESTED else 0.0
    return 1 - float(((labels - predicted) ** 2).sum()) / spread if spread > 0 else float("nan")
