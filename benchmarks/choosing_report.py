"""What choosing a method on one split or another came to, from `choosing.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.benchmarks.plain_table import Code, PlainTable
from molweight.benchmarks.suite.numbers import NOTHING, estimate, heading, mean_and_spread, p_value
from molweight.benchmarks.suite.selection import FEWEST, rank_correlation

REFIT = "refit"
# what a choice rests on: the mean validation score over these inner splits
JUDGES = {
    "scaffold": ("scaffold",),
    "random scaffold": ("random-scaffold 0",),
    "three random scaffold": ("random-scaffold 0", "random-scaffold 1", "random-scaffold 2"),
    "random": ("random",),
}
USED = "scaffold"  # by `molweight adapt` where it can be

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """What one judge chose on one data set.

    Attributes:
        correlation: of validation and test scores over methods, Spearman's, less the means of their draw,
            and the ends of its interval.
        test: test score of the method chosen in each draw, [draws].
        lost: by how much a method not chosen would have been better, in units of the score, [draws].
    """

    correlation: tuple[float, float, float]
    test: Array
    lost: Array


def chosen_by(told: Mapping[str, Any], judge: str) -> Chosen:
    """What a judge of `JUDGES` chose on a data set of `choosing.json`; of equals the first."""
    sign = 1 if told["higher_is_better"] else -1
    test = np.array([told["test"][method] for method in told["test"]])  # [methods, draws]
    valid = np.mean([[told["valid"][inner][m] for m in told["test"]] for inner in JUDGES[judge]], axis=0)
    pairs = [np.stack(each, axis=1) for each in zip(valid.T, test.T, strict=True)]
    enough = test.size >= FEWEST
    correlation = rank_correlation(pairs) if enough else (np.nan, np.nan, np.nan)
    picked = test[np.argmax(sign * valid, axis=0), np.arange(test.shape[1])]
    return Chosen(correlation, picked, np.max(sign * test, axis=0) - sign * picked)


def choosing_tables(result: Mapping[str, Any]) -> list[PlainTable]:
    """Test scores of what each judge chose on each set, and each judge beside the one in use."""
    sets = result["sets"]
    found = {judge: {name: chosen_by(told, judge) for name, told in sets.items()} for judge in JUDGES}
    return [_scores(sets, found), _correlations(sets, found), _beside(sets, found)]


def _scores(sets: Mapping[str, Any], found: Mapping[str, Mapping[str, Chosen]]) -> PlainTable:
    rows = [
        (judge, *(mean_and_spread(each[name].test, told) for name, told in sets.items()))
        for judge, each in found.items()
    ]
    fixed = [
        (Code(method), *(mean_and_spread(told["test"][method], told) for told in sets.values()))
        for method in next(iter(sets.values()))["test"]
    ]
    best = tuple(
        mean_and_spread(
            (np.max if told["higher_is_better"] else np.min)([*told["test"].values()], axis=0), told
        )
        for told in sets.values()
    )
    draws = ", ".join(f"{name} {len(told['held'])}" for name, told in sets.items())
    notes = (
        f"Mean ± standard deviation over draws of the molecules held out ({draws}), after fitting anew: of "
        "the method chosen on splits of the rest, then of each method throughout, and of the best of each "
        "draw, which nobody can know.",
    )
    headings = ("chosen on", *(heading(name, told) for name, told in sets.items()))
    return PlainTable(
        "Test scores on scaffolds held out", headings, (*rows, *fixed, ("the best", *best)), notes
    )


def _correlations(sets: Mapping[str, Any], found: Mapping[str, Mapping[str, Chosen]]) -> PlainTable:
    rows = tuple(
        (judge, *(estimate(each[name].correlation) for name in sets)) for judge, each in found.items()
    )
    notes = (
        "Spearman's correlation over methods and draws, of scores less the mean of their draw, with its 95 % "
        "interval; it takes them as independent.",
    )
    return PlainTable("Validation and test scores of methods", ("split", *sets), rows, notes)


def _beside(sets: Mapping[str, Any], found: Mapping[str, Mapping[str, Chosen]]) -> PlainTable:
    used = found[USED]
    rows = tuple((judge, *_counts(each, used), *_best(each)) for judge, each in found.items())
    notes = (
        f"Better and worse: draws in which the method chosen has another test score than the one chosen on "
        f"the {USED} split; p of a two-sided sign test on these.",
    )
    headings = ("chosen on", "better", "worse", "p", "best of all chosen")
    return PlainTable(f"Choices beside those on the {USED} split, all sets", headings, rows, notes)


def _counts(each: Mapping[str, Chosen], used: Mapping[str, Chosen]) -> tuple[str, str, str]:
    gained = np.concatenate([used[name].lost - each[name].lost for name in each])
    better, worse = int((gained > 0).sum()), int((gained < 0).sum())
    if not better + worse:
        return NOTHING, NOTHING, NOTHING
    return str(better), str(worse), p_value(float(stats.binomtest(better, better + worse).pvalue))


def _best(each: Mapping[str, Chosen]) -> tuple[str]:
    lost = np.concatenate([chosen.lost for chosen in each.values()])
    return (f"{int((lost == 0).sum())} of {len(lost)}",)
