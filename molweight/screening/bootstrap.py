"""The sampling error of a score: how much it moves when the molecules it is taken from are drawn anew."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.tasks.metrics import Metric

DRAWS = 400  # the error of a standard error is 1/√(2 · 400), 4 %

Draws = NDArray[np.float64]  # [draws]


def draw_counts(molecules: int, seed: int | Sequence[int] = 0, draws: int = DRAWS) -> NDArray[np.float64]:
    """How often each molecule is drawn when as many are drawn with replacement: [draws, molecules]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(molecules, np.full(molecules, 1 / molecules), draws).astype(np.float64)


def resampled_scores(
    metric: Metric,
    labels: NDArray[np.float32],
    predicted: Sequence[NDArray[np.float32]],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The score of all predictions in every draw, as `score` defines it, [predictions, draws].

    A draw in which a classification task has one class only says nothing of that task and leaves it out, for
    all predictions alike; NaN where no task is left.

    Args:
        metric: one of `METRICS` but PR-AUC.
        labels: [molecules, tasks], NaN where missing.
        predicted: for each model, [molecules, tasks].
        counts: of the molecules in each draw, [draws, molecules].
    """
    total = np.zeros((len(predicted), len(counts)))
    scored = np.zeros(len(counts))
    for task, column in enumerate(labels.T):
        present = ~np.isnan(column)
        if present.any():
            truth, drawn = column[present].astype(np.float64), counts[:, present]
            found = [
                _WEIGHTED[metric.name](truth, values[present, task].astype(np.float64), drawn)
                for values in predicted
            ]
            total += np.nan_to_num(found)
            scored += ~np.isnan(found[0])
    return np.where(scored > 0, total / np.maximum(scored, 1), np.nan)


def resampled_score(
    metric: Metric,
    labels: NDArray[np.float32],
    predicted: Sequence[NDArray[np.float32]],
    counts: NDArray[np.float64],
) -> Draws:
    """The mean of `resampled_scores` over the seeds of one method, [draws].

    Args:
        metric: as there.
        labels: [molecules, tasks], NaN where missing.
        predicted: of each seed, [molecules, tasks].
        counts: of the molecules in each draw, [draws, molecules].
    """
    return resampled_scores(metric, labels, predicted, counts).mean(0)


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
    ones, zeros = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    rising = zeros[np.argsort(predicted[zeros])]
    below = np.zeros((len(counts), len(zeros) + 1))  # zeros among the lowest so many
    np.cumsum(counts[:, rising], axis=1, out=below[:, 1:])
    less, most = (np.searchsorted(predicted[rising], predicted[ones], side) for side in ("left", "right"))
    drawn = counts[:, ones]
    won = (drawn * (below[:, less] + below[:, most])).sum(1) / 2  # of equal predictions half count as below
    pairs = drawn.sum(1) * below[:, -1]
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan)


def weighted_rmse(truth: Draws, predicted: Draws, counts: NDArray[np.float64]) -> Draws:
    """Root mean squared error of molecules counted so often: [draws], NaN where none is drawn."""
    drawn = counts.sum(1)
    return np.where(drawn > 0, np.sqrt(counts @ (truth - predicted) ** 2 / np.maximum(drawn, 1)), np.nan)


def weighted_mae(truth: Draws, predicted: Draws, counts: NDArray[np.float64]) -> Draws:
    """Mean absolute error of molecules counted so often: [draws], NaN where none is drawn."""
    drawn = counts.sum(1)
    return np.where(drawn > 0, counts @ np.abs(truth - predicted) / np.maximum(drawn, 1), np.nan)


_WEIGHTED: dict[str, Callable[[Draws, Draws, NDArray[np.float64]], Draws]] = {
    "roc_auc": weighted_auc,
    "rmse": weighted_rmse,
    "mae": weighted_mae,
}
