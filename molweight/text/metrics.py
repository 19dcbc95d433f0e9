"""How well classes or values predicted for texts agree with the labels."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.tasks.data import TaskKind
from molweight.tasks.metrics import Score

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TextMetric:
    """A figure of merit: labels [texts] and outputs [texts, classes] or [texts, 1], to a number."""

    name: str
    kind: TaskKind
    higher_is_better: bool
    of: Callable[[Array, Array], float]


def score(metric: TextMetric, labels: Array, outputs: Array, classes: tuple[str, ...] = ()) -> Score:
    """Score the texts that have a label.

    Args:
        metric: which figure.
        labels: [texts], NaN where missing.
        outputs: [texts, classes], of which the largest is the prediction, or [texts, 1].
        classes: names by number; where given, the F1 of each class that the labels have is told too.

    Returns:
        The figure, NaN where no text has a label; the F1 of each class; the classes without a label.
    """
    present = ~np.isnan(labels)
    truth, predicted = labels[present], outputs[present]
    value = float(metric.of(truth, predicted)) if present.any() else float("nan")
    if not classes:
        return Score(value, {}, ())
    found = [c for c in range(len(classes)) if (truth == c).any()]
    per_class = dict(zip([classes[c] for c in found], class_f1(truth, predicted, found), strict=True))
    return Score(value, per_class, tuple(name for name in classes if name not in per_class))


def class_f1(labels: Array, outputs: Array, classes: list[int]) -> list[float]:
    """F1 of some classes, each against all others; 0 where a class is never predicted."""
    from sklearn.metrics import f1_score

    if not classes:
        return []
    scores = f1_score(labels, outputs.argmax(axis=1), labels=classes, average=None, zero_division=0)
    return [float(value) for value in scores]


def _accuracy(labels: Array, outputs: Array) -> float:
    return float(np.mean(outputs.argmax(axis=1) == labels))


def _macro_f1(labels: Array, outputs: Array) -> float:
    """The mean over every class that is in the labels or among the predictions."""
    predicted = outputs.argmax(axis=1)
    return float(np.mean(class_f1(labels, outputs, [int(c) for c in np.union1d(labels, predicted)])))


def _micro_f1(labels: Array, outputs: Array) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(labels, outputs.argmax(axis=1), average="micro"))


def _matthews(labels: Array, outputs: Array) -> float:
    from sklearn.metrics import matthews_corrcoef

    predicted = outputs.argmax(axis=1)
    if len(np.union1d(labels, predicted)) < 2:  # scikit-learn would warn, and give 0 as well
        return 0.0
    return float(matthews_corrcoef(labels.astype(np.int64), predicted))


def _pearson(labels: Array, outputs: Array) -> float:
    from scipy.stats import pearsonr

    return _correlation(pearsonr, labels, outputs)


def _spearman(labels: Array, outputs: Array) -> float:
    from scipy.stats import spearmanr

    return _correlation(spearmanr, labels, outputs)


def _correlation(of: Callable[..., tuple[float, float]], labels: Array, outputs: Array) -> float:
    """0 where labels or predictions are all equal, which says nothing of each other."""
    truth, predicted = labels.astype(np.float64), outputs[:, 0].astype(np.float64)
    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return 0.0
    with warnings.catch_warnings():  # SciPy warns of nearly constant input; the value is what is asked for
        warnings.simplefilter("ignore")
        return float(of(truth, predicted)[0])


def _rmse(labels: Array, outputs: Array) -> float:
    return float(np.sqrt(np.mean((labels.astype(np.float64) - outputs[:, 0]) ** 2)))


TEXT_METRICS = {
    metric.name: metric
    for metric in (
        TextMetric("accuracy", "classification", True, _accuracy),
        TextMetric("macro_f1", "classification", True, _macro_f1),
        TextMetric("micro_f1", "classification", True, _micro_f1),
        TextMetric("matthews", "classification", True, _matthews),
        TextMetric("pearson", "regression", True, _pearson),
        TextMetric("spearman", "regression", True, _spearman),
        TextMetric("rmse", "regression", False, _rmse),
    )
}
