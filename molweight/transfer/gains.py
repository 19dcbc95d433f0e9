"""What samples of one task do to the score of another, measured on the same folds with and without them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gains:
    """Differences of scores, with intervals over folds; NaN where fewer than two folds have them.

    Attributes:
        mean: over folds.
        low: lower end of the interval.
        high: upper end of the interval.
        named: whether the difference is told from 0 at a false discovery rate of one less the level.
    """

    mean: Array
    low: Array
    high: Array
    named: NDArray[np.bool_]


def pair_gains(alone: Array, pairs: Array, level: float = 0.95) -> Gains:
    """Gain of each task from the largest sample of each other, mean over its own sizes: [helped, helper].

    Args:
        alone: [folds, own, tasks], scores from a task's own samples.
        pairs: [folds, own, other, helped, helper], with samples of one other task beside.
        level: of the intervals.
    """
    differences = pairs - alone[:, :, None, :, None]
    return over_folds(_last(over_sizes(differences)), level)


def context_gains(alone: Array, context: Array, level: float = 0.95) -> Gains:
    """Gain of each task from the largest sample of all others together, mean over its own sizes: [tasks].

    Args:
        alone: [folds, own, tasks].
        context: [folds, own, context, tasks], with samples of all other tasks beside.
        level: of the intervals.
    """
    return over_folds(_last(over_sizes(context - alone[:, :, None, :])), level)


def over_sizes(values: Array) -> Array:
    """Mean of [folds, own, ...] over the own sizes that are known, NaN where none is: [folds, ...]."""
    known = np.isfinite(values).sum(1)
    return np.where(known > 0, np.nansum(values, 1) / np.maximum(known, 1), np.nan)


def over_folds(values: Array, level: float = 0.95) -> Gains:
    """Mean and Student's interval of differences [folds, ...].

    Train molecules of folds overlap, so that the variance of the mean is that of the values times
    1/folds + 1/(folds - 1) (Nadeau & Bengio, Machine Learning 2003, 52, 239).
    """
    folds = np.isfinite(values).sum(0)
    enough = folds >= 2
    safe = np.maximum(folds, 2)
    mean = np.where(enough, np.nansum(values, 0) / safe, np.nan)
    variance = np.nansum((values - mean) ** 2, 0) / (safe - 1)
    error = np.sqrt(variance * (1 / safe + 1 / (safe - 1)))
    margin = stats.t.ppf((1 + level) / 2, safe - 1) * error
    surprise = 2 * stats.t.sf(np.abs(mean) / np.maximum(error, 1e-12), safe - 1)
    return Gains(mean, mean - margin, mean + margin, _told(surprise, 1 - level))


def _told(surprise: Array, rate: float) -> NDArray[np.bool_]:
    """Those of small enough p (Benjamini & Hochberg 1995)."""
    known = np.isfinite(surprise)
    told = np.zeros(surprise.shape, bool)
    if known.any():
        told[known] = stats.false_discovery_control(surprise[known]) <= rate
    return told


def _last(values: Array) -> Array:
    """At the largest size [folds, sizes, ...] that is known in two folds: [folds, ...]."""
    found = values[:, -1]
    for size in range(values.shape[1] - 2, -1, -1):
        missing = np.isfinite(found).sum(0) < 2
        found = np.where(missing, values[:, size], found)
    return found
