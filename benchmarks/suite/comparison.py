"""One method against another on the same test molecules: over paired seeds, and over draws of molecules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.tasks.metrics import Metric

LEVEL = 0.95

Array = NDArray[np.float64]
Interval = tuple[float, float, float]  # value, lower end, upper end
Verdict = Literal["win", "tie", "loss"]


@dataclass(frozen=True)
class Gain:
    """How much better one method is than another on one data set; above 0 it is, whatever the metric.

    Attributes:
        mean: over the seeds that both have finished.
        over_both: ends of the bootstrap interval over test molecules and seeds, which decides.
        over_molecules: over test molecules alone, the trained models taken as they are.
        over_seeds: ends of Student's interval over paired seeds, NaN for a single seed.
        relative: the mean in parts of the other's error, 1 - ROC-AUC or what the metric itself is.
        seeds: how many both have finished.
    """

    mean: float
    over_both: tuple[float, float]
    over_molecules: tuple[float, float]
    over_seeds: tuple[float, float]
    relative: float
    seeds: int


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Mean difference over paired seeds and the ends of Student's interval; NaN ends for a single seed.

    >>> [round(value, 3) for value in paired_difference([0.6, 0.8], [0.5, 0.7])]
    [0.1, 0.1, 0.1]
    """
    differences = np.asarray(ours) - np.asarray(theirs)
    mean, count = float(differences.mean()), len(differences)
    if count < 2:
        return mean, float("nan"), float("nan")
    margin = stats.t.ppf((1 + LEVEL) / 2, count - 1) * differences.std(ddof=1) / np.sqrt(count)
    return mean, mean - float(margin), mean + float(margin)


def mean_of_differences(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Interval:
    """Mean over data sets of mean differences over paired seeds, and the ends of its interval.

    The variances of the sets' means add up, with the degrees of freedom of Welch and Satterthwaite; NaN ends
    where a set has a single seed.

    Args:
        pairs: for each data set our scores and theirs, one for each seed.
    """
    differences = [np.asarray(ours) - np.asarray(theirs) for ours, theirs in pairs]
    mean = float(np.mean([each.mean() for each in differences]))
    if min(len(each) for each in differences) < 2:
        return mean, float("nan"), float("nan")
    variances = np.array([each.var(ddof=1) / len(each) for each in differences])
    spent = sum(v**2 / (len(each) - 1) for v, each in zip(variances, differences, strict=True))
    freedom = variances.sum() ** 2 / spent if spent > 0 else 1.0
    margin = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(variances.sum()) / len(pairs))
    return mean, mean - margin, mean + margin


def percentile_interval(drawn: Array) -> tuple[float, float]:
    """Ends of the percentile interval of a bootstrap (Efron & Tibshirani 1993, ch. 13).

    NaN ends where fewer than half of the draws could be scored.

    Args:
        drawn: one value for each draw, NaN where it could not be scored, [draws].
    """
    scored = drawn[~np.isnan(drawn)]
    if 2 * len(scored) < len(drawn):
        return float("nan"), float("nan")
    low, high = np.quantile(scored, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def drawn_gain(
    metric: Metric, ours: Mapping[int, Array], theirs: Mapping[int, Array], weights: Array | None = None
) -> Array:
    """What one method gains on another in each draw, mean over the seeds that both have, [draws].

    Args:
        metric: of the scores.
        ours: of each seed, as `resample` gives them.
        theirs: likewise.
        weights: of the seeds that both have, as `seed_weights` gives them; equal ones where there are none.
    """
    sign = 1 if metric.higher_is_better else -1
    gained = sign * np.array([ours[seed] - theirs[seed] for seed in common_seeds(ours, theirs)])
    return gained.mean(0) if weights is None else np.einsum("ds,sd->d", weights, gained)


def gain(
    metric: Metric, ours: Mapping[int, float], theirs: Mapping[int, float], molecules: Array, both: Array
) -> Gain:
    """One method against another, by their scores with each seed.

    Args:
        metric: of the scores.
        ours: score with each seed.
        theirs: likewise; at least one seed must be in both.
        molecules: `drawn_gain` of the same two, over molecules alone.
        both: the same over molecules and seeds.
    """
    sign = 1 if metric.higher_is_better else -1
    seeds = common_seeds(ours, theirs)
    better, worse = ([sign * scores[seed] for seed in seeds] for scores in (ours, theirs))
    mean, low, high = paired_difference(better, worse)
    rival = float(np.mean([theirs[seed] for seed in seeds]))
    error = 1 - rival if metric.higher_is_better else rival
    relative = mean / error if error > 0 else float("nan")
    intervals = percentile_interval(both), percentile_interval(molecules)
    return Gain(mean, *intervals, (low, high), relative, len(seeds))


def common_seeds(ours: Mapping[int, object], theirs: Mapping[int, object]) -> list[int]:
    """Those that both have, in order."""
    return sorted(ours.keys() & theirs.keys())


def verdict(low: float | None, high: float | None) -> Verdict:
    """What an interval of a gain says: a win or a loss leaves out 0.

    >>> verdict(0.1, 0.3), verdict(-0.1, 0.3), verdict(-0.3, -0.1), verdict(None, None)
    ('win', 'tie', 'loss', 'tie')
    """
    if low is None or high is None:
        return "tie"
    return "win" if low > 0 else "loss" if high < 0 else "tie"
