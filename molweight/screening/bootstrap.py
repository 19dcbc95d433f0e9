"""The sampling error of a score: how much it moves when the molecules it is taken from are drawn anew."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.tasks.metrics import Metric

DRAWS = 400  # the error of a standard error is 1/√(2 · 400), 4 %

Draws = NDArray[np.float64]  # [draws]


def draw_counts(molecules: int, seed: int = 0) -> NDArray[np.float64]:
    """How often each molecule is drawn when as many are drawn with replacement: [draws, molecules]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(molecules, np.full(molecules, 1 / molecules), DRAWS).astype(np.float64)


def resampled_score(
    metric: Metric,
    labels: NDArray[np.float32],
    predicted: Sequence[NDArray[np.float32]],
    counts: NDArray[np.float64],
) -> Draws:
    """The mean score over seeds of every draw, as `score` defines it, [draws].

    A draw in which a classification task has one class only says nothing of that task and leaves it out.

    Args:
        metric: one of those by which methods are chosen.
        labels: [molecules, tasks], NaN where missing.
        predicted: of each seed, [molecules, tasks].
        counts: of the molecules in each draw, [draws, molecules].
    """
    scored = np.full((len(predicted), labels.shape[1], len(counts)), np.nan)
    for task, column in enumerate(labels.T):
        present = ~np.isnan(column)
        if present.any():
            for number, values in enumerate(predicted):
                found = values[present, task].astype(np.float64)
                scored[number, task] = _WEIGHTED[metric.name](
                    column[present].astype(np.float64), found, counts[:, present]
                )
    known = ~np.isnan(scored)
    total = np.where(known, scored, 0.0).sum((0, 1))
    return np.where(known.any((0, 1)), total / np.maximum(known.sum((0, 1)), 1), np.nan)


def standard_error(draws: Draws) -> float:
    """Their standard deviation; NaN where fewer than half of them could be scored."""
    scored = draws[~np.isnan(draws)]
    return float(scored.std(ddof=1)) if 2 * len(scored) >= len(draws) else float("nan")


def weighted_auc(truth: Draws, predicted: Draws, counts: NDArray[np.float64]) -> Draws:
    """Area under the ROC curve of molecules counted so often: [draws], NaN where a class is not drawn.

    Args:
        truth: 0 or 1, [molecules].
        predicted: anything that ranks, [molecules].
        counts: [draws, molecules].
    """
    order = np.argsort(predicted, kind="stable")
    starts = np.flatnonzero(np.diff(predicted[order], prepend=-np.inf) > 0)
    ones = np.add.reduceat(counts[:, order] * truth[order], starts, axis=1)
    zeros = np.add.reduceat(counts[:, order] * (1 - truth[order]), starts, axis=1)
    below = np.cumsum(zeros, axis=1) - zeros / 2  # of equal predictions half count as below
    pairs = ones.sum(1) * zeros.sum(1)
    return np.where(pairs > 0, (ones * below).sum(1) / np.maximum(pairs, 1), np.nan)


def weighted_rmse(truth: Draws, predicted: Draws, counts: NDArray[np.float64]) -> Draws:
    """Root mean squared error of molecules counted so often: [draws], NaN where none is drawn."""
    drawn = counts.sum(1)
    return np.where(drawn > 0, np.sqrt(counts @ (truth - predicted) ** 2 / np.maximum(drawn, 1)), np.nan)


_WEIGHTED: dict[str, Callable[[Draws, Draws, NDArray[np.float64]], Draws]] = {
    "roc_auc": weighted_auc,
    "rmse": weighted_rmse,
}
