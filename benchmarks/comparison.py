"""One method against another on the same test molecules: over paired seeds, and over molecules drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.screening.bootstrap import draw_counts, resampled_scores
from molweight.tasks.metrics import Metric

LEVEL = 0.95
DRAWS = 2_000

Array = NDArray[np.float64]
Interval = tuple[float, float, float]  # value, lower end, upper end
Verdict = Literal["win", "tie", "loss"]


@dataclass(frozen=True)
class Gain:
    """How much better one method is than another on one data set; above 0 it is, whatever the metric.

    Attributes:
        mean: over the seeds that both have finished.
        over_seeds: ends of Student's interval over paired seeds, NaN for a single seed.
        over_molecules: ends of the bootstrap interval of the same mean over test molecules.
        relative: the mean in parts of the other's error, 1 - ROC-AUC or what the metric itself is.
        seeds: how many both have finished.
    """

    mean: float
    over_seeds: tuple[float, float]
    over_molecules: tuple[float, float]
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


def resample(
    metric: Metric,
    labels: Mapping[int, NDArray[np.float32]],
    parts: Mapping[int, str],
    predicted: Mapping[str, Mapping[int, NDArray[np.float32]]],
    name: str,
    draws: int = DRAWS,
) -> dict[str, dict[int, Array]]:
    """Scores of every method and seed on test molecules drawn with replacement, the same for all methods.

    Seeds with one and the same split share its draws; where each seed has a split of its own, molecules are
    drawn within its test part.

    Args:
        metric: by which the methods are compared.
        labels: of each seed's test part, [molecules, tasks].
        parts: the split of each seed, by its digest.
        predicted: of each method and seed that is finished, [molecules, tasks].
        name: of the data set; decides the draws, so that those of two sets are independent.
        draws: how many.

    Returns:
        For each method and seed, [draws]; NaN where a draw leaves no task to score.
    """
    found: dict[str, dict[int, Array]] = {method: {} for method in predicted}
    for part in dict.fromkeys(parts.values()):
        seeds = [seed for seed in labels if parts[seed] == part]
        cells = [(method, seed) for method, done in predicted.items() for seed in seeds if seed in done]
        if cells:
            truth = labels[seeds[0]]
            counts = draw_counts(len(truth), (crc32(name.encode()), seeds[0]), draws)
            scores = resampled_scores(metric, truth, [predicted[m][seed] for m, seed in cells], counts)
            for (method, seed), drawn in zip(cells, scores, strict=True):
                found[method][seed] = drawn
    return found


def drawn_gain(metric: Metric, ours: Mapping[int, Array], theirs: Mapping[int, Array]) -> Array:
    """What one method gains on another in each draw, mean over the seeds that both have, [draws]."""
    sign = 1 if metric.higher_is_better else -1
    return sign * np.mean([ours[seed] - theirs[seed] for seed in common_seeds(ours, theirs)], axis=0)


def gain(
    metric: Metric,
    ours: Mapping[int, float],
    theirs: Mapping[int, float],
    drawn: Array,
) -> Gain:
    """One method against another, by their scores with each seed.

    Args:
        metric: of the scores.
        ours: score with each seed.
        theirs: likewise; at least one seed must be in both.
        drawn: as `drawn_gain` gives them for the same two.
    """
    sign = 1 if metric.higher_is_better else -1
    seeds = common_seeds(ours, theirs)
    better, worse = ([sign * scores[seed] for seed in seeds] for scores in (ours, theirs))
    mean, low, high = paired_difference(better, worse)
    rival = float(np.mean([theirs[seed] for seed in seeds]))
    error = 1 - rival if metric.higher_is_better else rival
    relative = mean / error if error > 0 else float("nan")
    return Gain(mean, (low, high), percentile_interval(drawn), relative, len(seeds))


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
