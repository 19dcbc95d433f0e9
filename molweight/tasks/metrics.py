"""How well predictions agree with labels: means over the tasks that can be scored."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.tasks.data import TaskKind

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Metric:
    """A figure of merit of one task: labels and predictions, both [molecules], to a number."""

    name: str
    kind: TaskKind
    higher_is_better: bool
    of_task: Callable[[Array, Array], float]


@dataclass(frozen=True)
class Score:
    """The mean over tasks, each task's own value, and the tasks left out: one class only, or no label."""

    value: float
    per_task: dict[str, float]
    left_out: tuple[str, ...]


def score(metric: Metric, labels: Array, predicted: Array, tasks: tuple[str, ...]) -> Score:
    """Score each task on the molecules that have its label.

    A classification task whose labels are all of one class has no ROC curve and is left out, never
    counted as 0, 0.5 or 1.

    Args:
        metric: which figure.
        labels: [molecules, tasks], NaN where missing.
        predicted: [molecules, tasks]; for classification anything that ranks.
        tasks: names.

    Returns:
        The mean over the tasks that can be scored, NaN where there is none.
    """
    per_task, left_out = {}, []
    for column, name in enumerate(tasks):
        present = ~np.isnan(labels[:, column])
        truth = labels[present, column]
        if len(np.unique(truth)) < (2 if metric.kind == "classification" else 1):
            left_out.append(name)
        else:
            per_task[name] = float(metric.of_task(truth, predicted[present, column]))
    mean = float(np.mean(list(per_task.values()))) if per_task else float("nan")
    return Score(mean, per_task, tuple(left_out))


def _roc_auc(truth: Array, predicted: Array) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, predicted))


def _pr_auc(truth: Array, predicted: Array) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, predicted))


def _rmse(truth: Array, predicted: Array) -> float:
    return float(np.sqrt(np.mean((truth.astype(np.float64) - predicted) ** 2)))


def _mae(truth: Array, predicted: Array) -> float:
    return float(np.mean(np.abs(truth.astype(np.float64) - predicted)))


ROC_AUC = Metric("roc_auc", "classification", True, _roc_auc)
PR_AUC = Metric("pr_auc", "classification", True, _pr_auc)
RMSE = Metric("rmse", "regression", False, _rmse)
MAE = Metric("mae", "regression", False, _mae)
METRICS = {metric.name: metric for metric in (ROC_AUC, PR_AUC, RMSE, MAE)}
