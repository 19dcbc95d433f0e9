"""What the validation part says of the test part: whether the networks that it prefers are better there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.benchmarks.plain_table import PlainTable
from molweight.benchmarks.suite.comparison import LEVEL, Interval
from molweight.benchmarks.suite.numbers import Told, estimate, heading, number
from molweight.tasks.methods import trains_network

FEWEST = 6  # runs, below which a rank correlation says nothing

Array = NDArray[np.float64]


def selection_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Rank correlation of validation and test scores over runs of networks, and what choosing by it gives.

    There are none where too few networks were run.
    """
    networks = [method for method in methods if trains_network(method)]
    found = {name: runs_of(entry, networks) for name, entry in told["sets"].items()}
    rows = tuple(
        (heading(name, told["sets"][name]), *_cells(told["sets"][name], splits))
        for name, splits in found.items()
        if sum(map(len, splits)) >= FEWEST
    )
    if not rows:
        return []
    headings = ("set", "runs", "rank correlation", "chosen by validation", "mean of runs", "best of runs")
    notes = (
        "Over all methods and seeds that fine-tune a network: Spearman's correlation of validation and test "
        "scores, with its 95 % interval; then the test score of the run with the best validation score, of "
        "all, and of the one that is best there, which nobody can know. On several splits: of scores less "
        "the mean of their split, and means over splits.",
    )
    return [PlainTable(f"{split}: what validation says of the test part", headings, rows, notes)]


def runs_of(entry: Told, methods: Sequence[str]) -> list[Array]:
    """Validation and test scores of the runs on each split that has two or more of them, [runs, 2]."""
    by_split: dict[int, list[tuple[float, float]]] = {}
    for method in methods:
        found = entry["methods"][method]
        for seed, *scores in zip(found["seeds"], found["valid"], found["test"], strict=True):
            if None not in scores:
                number_of_split = seed if len(entry["digests"]) > 1 else 0
                by_split.setdefault(number_of_split, []).append(tuple(scores))
    return [np.array(runs) for runs in by_split.values() if len(runs) > 1]


def rank_correlation(splits: Sequence[Array]) -> Interval:
    """Spearman's, of scores less the mean of their split, and the ends of its interval.

    These are of Fisher's z with the variance of Bonett & Wright (Psychometrika 2000), eq. 10; of a perfect
    correlation, half the step from it to the next that so many runs can have.

    Args:
        splits: pairs of scores on each, [runs, 2].

    Returns:
        NaN where either score is the same in all runs.
    """
    pairs = np.concatenate([runs - runs.mean(axis=0) for runs in splits])
    if not np.ptp(pairs, axis=0).all():
        return (float("nan"),) * 3
    count, found = len(pairs), float(stats.spearmanr(*pairs.T).statistic)
    furthest = 1 - 6 / (count**3 - count)
    z, error = np.arctanh(np.clip(found, -furthest, furthest)), np.sqrt((1 + found**2 / 2) / (count - 3))
    reach = float(stats.norm.ppf((1 + LEVEL) / 2) * error)
    return found, float(np.tanh(z - reach)), float(np.tanh(z + reach))


def _cells(entry: Told, splits: Sequence[Array]) -> tuple[str, ...]:
    sign = 1 if entry["higher_is_better"] else -1
    chosen = np.mean([runs[np.argmax(sign * runs[:, 0]), 1] for runs in splits])
    every = np.mean([runs[:, 1].mean() for runs in splits])
    best = np.mean([sign * np.max(sign * runs[:, 1]) for runs in splits])
    return (
        str(sum(map(len, splits))),
        estimate(rank_correlation(splits)),
        *(number(float(value), entry) for value in (chosen, every, best)),
    )
