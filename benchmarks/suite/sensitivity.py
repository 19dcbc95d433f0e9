"""How much scores depend on the weighting: their spread at random weightings against that of seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.benchmarks.plain_table import PlainTable
from molweight.benchmarks.suite.comparison import LEVEL, Interval
from molweight.benchmarks.suite.numbers import Told, heading, number, p_value, score_over_seeds
from molweight.tasks.continued import DRAWS

RANDOM, EQUAL = "random-1", "equal"
FEWEST = 3  # seeds, below which a spread says nothing
PARTS = ("valid", "test")

Array = NDArray[np.float64]


def sensitivity_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Spread of one random weighting for each seed against that of equal weights, at the same settings.

    There are none where the two were not run, or where each seed has a split of its own, whose spread would
    hide theirs.
    """
    settings = [m.removeprefix(RANDOM) for m in methods if m.startswith(RANDOM)]
    one_split = {name: entry for name, entry in told["sets"].items() if len(entry["digests"]) == 1}
    found = [_table(split, one_split, RANDOM + s, EQUAL + s) for s in settings if EQUAL + s in methods]
    return [table for table in found if table.rows]


def variance_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Ratio of two samples' variances and the ends of its interval by Fisher's F, exact for normal samples.

    >>> [round(value, 2) for value in variance_ratio([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0])]
    [1.0, 0.1, 9.6]
    """
    ratio = float(np.var(ours, ddof=1) / np.var(theirs, ddof=1))
    freedom = len(ours) - 1, len(theirs) - 1
    low, high = (stats.f.ppf(level, *freedom) for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return ratio, ratio / float(high), ratio / float(low)


def expected_best(draws: int) -> float:
    """Expectation of the largest of so many draws from a standard normal distribution.

    >>> round(expected_best(20), 3)
    1.867
    """
    return float(stats.norm.expect(lambda x: draws * x * stats.norm.cdf(x) ** (draws - 1)))


def linear_p(scores: Sequence[float], shares: Array) -> float:
    """p of the F-test that scores are no linear function of the shares.

    Args:
        scores: one for each weighting.
        shares: of each objective in it, [weightings, objectives], with rows that sum to 1.

    Returns:
        NaN where there are too few weightings to tell.
    """
    count, objectives = shares.shape
    if count <= objectives or objectives < 2:
        return float("nan")
    values = np.asarray(scores)
    fitted = shares @ np.linalg.lstsq(shares, values, rcond=None)[0]
    left, all_of_it = np.sum((values - fitted) ** 2), np.sum((values - values.mean()) ** 2)
    freedom = objectives - 1, count - objectives
    return float(stats.f.sf((all_of_it - left) / freedom[0] / (left / freedom[1]), *freedom))


def complete(scores: Sequence[float | None], entry: Told) -> bool:
    """Whether all seeds are finished and could be scored."""
    return len(scores) == entry["seeds"] and None not in scores


def _table(split: str, sets: Mapping[str, Told], drawn: str, equal: str) -> PlainTable:
    headings = (
        "set",
        "part",
        "seeds",
        equal,
        drawn,
        "ratio of spreads",
        f"best of {DRAWS} weightings",
        "p of the shares",
    )
    rows = [
        (heading(name, entry), part, *_cells(entry, part, drawn, equal))
        for name, entry in sets.items()
        for part in PARTS
        if entry["seeds"] >= FEWEST
        and all(complete(entry["methods"][method][part], entry) for method in (drawn, equal))
    ]
    notes = (
        "Mean ± standard deviation over seeds, which draw a weighting each in the one and have equal weights "
        "in the other. Ratio of the two deviations, with its 95 % interval (F distribution).",
        f"Best of {DRAWS} weightings: what the one known to be the best of {DRAWS} would gain on an average "
        "one, by the variance that weightings add to that of seeds; at most: by the upper end of the ratio.",
        "p of the shares: F-test of a linear regression of the score on the shares of the objectives.",
    )
    return PlainTable(f"{split}: how much scores depend on the weighting", headings, tuple(rows), notes)


def _cells(entry: Told, part: str, drawn: str, equal: str) -> tuple[str, ...]:
    random, even = (entry["methods"][method][part] for method in (drawn, equal))
    ratio, low, high = np.sqrt(variance_ratio(random, even))
    reached, most = (_gain_of_best(even, each) for each in (ratio, high))
    shares = np.array(list(entry["methods"][drawn]["weights"].values())).T
    return (
        str(entry["seeds"]),
        score_over_seeds(even, entry, equal),
        score_over_seeds(random, entry, drawn),
        f"{ratio:.2f} ({low:.2f} to {high:.2f})",
        f"{number(reached, entry, '+')} (at most {number(most, entry, '+')})",
        p_value(linear_p(random, shares)),
    )


def _gain_of_best(equal: Sequence[float], ratio: float) -> float:
    """Of the best weighting on an average one, where deviations over seeds have this ratio."""
    return expected_best(DRAWS) * float(np.std(equal, ddof=1) * np.sqrt(max(0.0, ratio**2 - 1)))
