"""What methods found on families of known transfer: power, false alarms, cost, and how sure these are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from molweight.benchmarks.transfer_families import HELPING
from molweight.benchmarks.transfer_methods import Verdicts
from molweight.transfer.scoring import score_task

RESAMPLED = 2_000  # times that data sets are drawn anew
LEVEL = 0.95
POWER_KEPT, COST_KEPT = 0.9, 0.1  # what the cheaper method is asked to keep of the costlier one's

Array = NDArray[np.float64]
Interval = tuple[float, float, float]  # value, low, high
Answer = Literal["met", "not met", "undecided"]


@dataclass(frozen=True)
class Outcome:
    """Verdicts of a method on one data set: number `seed` of its family at an overlap of samples."""

    family: str
    seed: int
    overlap: float
    method: str
    verdicts: Verdicts


@dataclass(frozen=True)
class Tally:
    """Over data sets of one family: pairs called helping and harming, of how many, and the cost of a pair."""

    overlap: float
    family: str
    method: str
    pairs: int
    helping: int
    harming: int
    seconds: float
    networks: float


@dataclass(frozen=True)
class Power:
    """A method over families at one overlap.

    Attributes:
        overlap: of samples.
        method: its name.
        power: share of pairs that help which it calls helping; interval over data sets, drawn anew.
        false: share of pairs without help which it calls helping; exact binomial interval of the pairs.
        told: ROC-AUC of its estimates in telling pairs that help from others; interval as of the power.
        seconds: of a processor, a pair.
        networks: trained, a pair.
    """

    overlap: float
    method: str
    power: Interval
    false: Interval
    told: Interval
    seconds: float
    networks: float


@dataclass(frozen=True)
class Comparison:
    """A cheaper method beside a costlier one, on the pairs that help of the same data sets.

    Attributes:
        cheap: method.
        costly: method.
        pairs: that help.
        found: by the cheaper, and by the costlier.
        kept: power of the cheaper as a share of the costlier's, with its interval over data sets.
        cost: seconds of the cheaper as a share of the costlier's.
        keeps_power: whether it keeps `POWER_KEPT`.
        keeps_cost: whether it takes no more than `COST_KEPT`.
    """

    cheap: str
    costly: str
    pairs: int
    found: tuple[int, int]
    kept: Interval
    cost: float
    keeps_power: Answer
    keeps_cost: Answer


def tally(outcomes: Sequence[Outcome]) -> list[Tally]:
    """Count verdicts by overlap, family and method, in the order in which they come."""
    grouped: dict[tuple[float, str, str], list[Verdicts]] = {}
    for each in outcomes:
        grouped.setdefault((each.overlap, each.family, each.method), []).append(each.verdicts)
    return [_tally(*key, found) for key, found in grouped.items()]


def powers(outcomes: Sequence[Outcome]) -> list[Power]:
    """Power, false alarms and cost by overlap and method, in the order in which they come."""
    grouped: dict[tuple[float, str], list[Outcome]] = {}
    for each in outcomes:
        grouped.setdefault((each.overlap, each.method), []).append(each)
    return [_power(*key, found) for key, found in grouped.items()]


def compare(outcomes: Sequence[Outcome], cheap: str, costly: str) -> Comparison | None:
    """Two methods at full overlap, on data sets on which both were tried; None where there are none."""
    tried = {(e.method, e.family, e.seed): e.verdicts for e in outcomes if e.overlap == 1}
    sets = [(f, s) for method, f, s in tried if method == costly and (cheap, f, s) in tried]
    helped = [key for key in sets if key[0] in HELPING]
    if not helped:
        return None
    found = np.array([[tried[m, *key].signs.count(1) for m in (cheap, costly)] for key in helped], np.float64)
    kept = _over_data_sets(_by_family(helped), lambda drawn: _share(found[drawn].sum(0)))
    seconds = np.array([[tried[m, *key].seconds for m in (cheap, costly)] for key in sets]).sum(0)
    of_each = len(tried[costly, *helped[0]].signs)
    return Comparison(
        cheap,
        costly,
        of_each * len(helped),
        (int(found[:, 0].sum()), int(found[:, 1].sum())),
        kept,
        float(seconds[0] / seconds[1]),
        "met" if kept[1] >= POWER_KEPT else "not met" if kept[2] < POWER_KEPT else "undecided",
        "met" if seconds[0] <= COST_KEPT * seconds[1] else "not met",
    )


def told_comparison(found: Comparison) -> str:
    """In a sentence."""
    value, low, high = found.kept
    return (
        f"{found.cheap} found {found.found[0]} and {found.costly} {found.found[1]} of {found.pairs} pairs "
        f"that help: {value:.0%} of its power ({low:.0%} to {high:.0%}) at {found.cost:.1%} of its cost; "
        f"{POWER_KEPT:.0%} of the power: {found.keeps_power}, {COST_KEPT:.0%} of the cost: "
        f"{found.keeps_cost}"
    )


def _tally(overlap: float, family: str, method: str, found: Sequence[Verdicts]) -> Tally:
    signs = [sign for each in found for sign in each.signs]
    return Tally(overlap, family, method, len(signs), signs.count(1), signs.count(-1), *_cost(found))


def _cost(found: Sequence[Verdicts]) -> tuple[float, float]:
    """Seconds and networks, a pair."""
    pairs = sum(len(each.signs) for each in found)
    return sum(e.seconds for e in found) / pairs, sum(e.networks for e in found) / pairs


def _power(overlap: float, method: str, found: Sequence[Outcome]) -> Power:
    helping = [each for each in found if each.family in HELPING]
    others = [each for each in found if each.family not in HELPING]
    nothing = (float("nan"),) * 3
    return Power(
        overlap,
        method,
        _power_of(helping) if helping else nothing,
        _false_of(others) if others else nothing,
        _told_of(found) if helping and others else nothing,
        *_cost([each.verdicts for each in found]),
    )


def _power_of(helping: Sequence[Outcome]) -> Interval:
    signs = np.array([each.verdicts.signs for each in helping])  # [data sets, pairs]
    return _over_data_sets(_families_of(helping), lambda drawn: float((signs[drawn] == 1).mean()))


def _false_of(others: Sequence[Outcome]) -> Interval:
    signs = np.array([each.verdicts.signs for each in others])
    count = int((signs == 1).sum())
    ends = binomtest(count, signs.size).proportion_ci(LEVEL, "exact")
    return count / signs.size, float(ends.low), float(ends.high)


def _told_of(found: Sequence[Outcome]) -> Interval:
    values = np.array([each.verdicts.values for each in found])
    helps = np.repeat([[float(each.family in HELPING)] for each in found], values.shape[1], axis=1)

    def area(drawn: NDArray[np.int64]) -> float:
        estimated = np.nan_to_num(values[drawn].ravel(), nan=0.0)
        return score_task("classification", helps[drawn].ravel(), estimated)

    return _over_data_sets(_families_of(found), area)


def _families_of(found: Sequence[Outcome]) -> list[NDArray[np.int64]]:
    return _by_family([(each.family, each.seed) for each in found])


def _by_family(keys: Sequence[tuple[str, int]]) -> list[NDArray[np.int64]]:
    """Positions of the data sets of each family."""
    names = np.array([family for family, _ in keys])
    return [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]


def _over_data_sets(
    families: Sequence[NDArray[np.int64]], measure: Callable[[NDArray[np.int64]], float]
) -> Interval:
    """A measure of data sets, and percentiles of it over data sets drawn anew within each family."""
    generator = np.random.default_rng(0)
    drawn = [
        measure(np.concatenate([generator.choice(family, len(family)) for family in families]))
        for _ in range(RESAMPLED)
    ]
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return measure(np.concatenate(families)), float(low), float(high)


def _share(found: Array) -> float:
    return float(found[0] / max(found[1], 1))
