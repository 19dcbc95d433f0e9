"""Methods over data sets: mean ranks and their critical difference, and signed-rank tests of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of methods over data sets on which all of them are finished; 1 is best.

    Attributes:
        methods: best first.
        ranks: mean rank of each.
        sets: over which.
        friedman: p of Friedman's test that all methods rank alike; NaN for fewer than three methods.
        difference: Nemenyi's critical difference at 5 %.
        cliques: first and last place of each run of methods that lie within that difference.
        left_out: methods and data sets with unfinished cells, as `complete_block` leaves them out.
    """

    methods: list[str]
    ranks: list[float]
    sets: list[str]
    friedman: float
    difference: float
    cliques: list[tuple[int, int]]
    left_out: list[str]


def rank_methods(
    scores: Array, methods: Sequence[str], sets: Sequence[str], kept: Sequence[str] = ()
) -> Ranking | None:
    """Rank the methods on each set, ties sharing their mean rank; None where less than a pair is left.

    Args:
        scores: the higher the better, [sets, methods], NaN where unfinished.
        methods: names.
        sets: names.
        kept: methods for which rather a set is left out.
    """
    rows, columns = complete_block(~np.isnan(scores), [i for i, m in enumerate(methods) if m in kept])
    if len(rows) < 2 or len(columns) < 2:
        return None
    block = scores[np.ix_(rows, columns)]
    means = stats.rankdata(-block, axis=1).mean(0)
    order = np.argsort(means, kind="stable")
    difference = critical_difference(len(columns), len(rows))
    left_out = [m for i, m in enumerate(methods) if i not in columns]
    left_out += [s for i, s in enumerate(sets) if i not in rows]
    return Ranking(
        [methods[columns[i]] for i in order],
        means[order].tolist(),
        [sets[i] for i in rows],
        friedman(block),
        difference,
        find_cliques(means[order], difference),
        left_out,
    )


def complete_block(finished: NDArray[np.bool_], kept: Sequence[int] = ()) -> tuple[list[int], list[int]]:
    """Rows and columns without a gap: the one with the largest share of gaps is left out until none has any.

    Of a row and a column with equal shares the row goes, and of two rows the later one.

    Args:
        finished: [rows, columns].
        kept: columns that stay where they can: rows in which one of them has a gap go first.

    >>> complete_block(np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0]], bool))
    ([0, 1, 2], [0, 1])
    >>> complete_block(np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0]], bool), kept=[2])
    ([0], [0, 1, 2])
    """
    needed = [column for column in kept if finished[:, column].any()]
    rows = [row for row in range(finished.shape[0]) if finished[row, needed].all()]
    columns = list(range(finished.shape[1]))
    while rows and columns:
        gaps = ~finished[np.ix_(rows, columns)]
        if not gaps.any():
            break
        by_row, by_column = gaps.mean(1), gaps.mean(0)
        side, shares = (rows, by_row) if by_row.max() >= by_column.max() else (columns, by_column)
        del side[len(shares) - 1 - int(np.argmax(shares[::-1]))]
    return rows, columns


def friedman(scores: Array) -> float:
    """p of Friedman's test, with its correction for ties (Demšar, JMLR 2006, section 3.2.2).

    Args:
        scores: [sets, methods].
    """
    alike = bool((scores == scores[:, :1]).all())
    if scores.shape[1] < 3 or alike:
        return float("nan")
    return float(stats.friedmanchisquare(*scores.T).pvalue)


def critical_difference(methods: int, sets: int) -> float:
    """Nemenyi's: mean ranks further apart differ at 5 %, all pairs considered (Demšar 2006, section 3.2.2).

    >>> round(critical_difference(4, 14), 2)  # 1.25 in Demšar's example, of q to three digits
    1.25
    """
    quantile = stats.studentized_range.ppf(1 - LEVEL, methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * sets)))


def find_cliques(ranks: Array, difference: float) -> list[tuple[int, int]]:
    """Runs of two methods or more that lie within the difference, none inside another.

    Args:
        ranks: mean ranks, rising.
        difference: critical.

    >>> find_cliques(np.array([1.0, 1.5, 2.2, 4.0]), 1.0)
    [(0, 1), (1, 2)]
    """
    ends = [int(np.searchsorted(ranks, rank + difference, "right")) - 1 for rank in ranks]
    return [
        (first, last)
        for first, last in enumerate(ends)
        if last > first and (first == 0 or ends[first - 1] < last)
    ]


def signed_rank(gains: Sequence[float]) -> float:
    """p of Wilcoxon's signed-rank test, two-sided, exact where no gains tie; 1 where all are 0, NaN for none.

    >>> signed_rank([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    0.03125
    """
    if not gains:
        return float("nan")
    if not any(gains):
        return 1.0
    return float(stats.wilcoxon(gains).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's correction of several tests at once (Holm, Scand. J. Statist. 1979); NaN is no test.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    found = np.array(p, np.float64)
    tested = np.flatnonzero(~np.isnan(found))
    order = tested[np.argsort(found[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(found[order] * factors), 1)
    return [float(value) for value in found]


def least_corrected(sets: Sequence[int]) -> list[float]:
    """The smallest p that each of several signed-rank tests can have after the correction.

    Args:
        sets: that each test is of.

    >>> least_corrected([5, 5, 5]), least_corrected([8, 8, 8])
    ([0.1875, 0.1875, 0.1875], [0.0234375, 0.0234375, 0.0234375])
    """
    return holm([2.0 ** (1 - each) if each else float("nan") for each in sets])
