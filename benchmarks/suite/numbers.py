"""How numbers of a suite are written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.plain_table import Strong
from molweight.benchmarks.suite.over_sets import CLASSIFICATION
from molweight.reports.words import label

NOTHING = "–"

Told = Mapping[str, Any]  # of a split or a set, as in `summary.json`
# what a set says of scores of classification, for means over such sets, and for PR-AUC
CLASSIFIED: Told = {"kind": CLASSIFICATION, "higher_is_better": True}


def of_kind(told: Told, kind: str) -> dict[str, Told]:
    """The data sets of a split that are of a kind of task, by name."""
    return {name: entry for name, entry in told["sets"].items() if entry["kind"] == kind}


def marked(text: str, best: bool) -> str:
    """A cell that stands out if it is the best."""
    return Strong(text) if best else text


def best_of(scores: Mapping[str, float | None], entry: Told) -> str | None:
    """The method with the best score on a set, of those that have one.

    >>> best_of({"rf": 4.35, "finetune": 3.16, "probe": None}, {"higher_is_better": False})
    'finetune'
    """
    known = {method: value for method, value in scores.items() if value is not None}
    sign = 1 if entry["higher_is_better"] else -1
    return max(known, key=lambda method: sign * known[method], default=None)


def number(value: Any, entry: Told, sign: str = "") -> str:
    """A score of a set, or a difference of scores: in per cent, or in the units of the labels."""
    if value is None or np.isnan(value):
        return NOTHING
    return points(value, sign) if entry["kind"] == CLASSIFICATION else f"{value:{sign}.3f}"


def interval(ends: Sequence[float | None], entry: Told) -> str:
    """Both ends of an interval of a difference of scores."""
    if None in ends:
        return NOTHING
    return " to ".join(number(end, entry, "+") for end in ends)


def mean_and_spread(values: Sequence[float] | NDArray[np.float64], entry: Told) -> str:
    """Of scores of a set, the spread where there are several.

    >>> mean_and_spread([0.5, 0.7], CLASSIFIED), mean_and_spread([0.5], CLASSIFIED)
    ('60.0 ± 14.1', '50.0')
    """
    spread = f" ± {number(np.std(values, ddof=1), entry)}" if len(values) > 1 else ""
    return f"{number(np.mean(values), entry)}{spread}"


def score_over_seeds(values: Sequence[float], entry: Told, method: str) -> str:
    """Mean ± spread of a method on a set, and of how many seeds where not of all; or why there is none."""
    if not values:
        return "failed" if entry["methods"][method]["failed"] else "unfinished"
    missing = "" if len(values) == entry["seeds"] else f" ({len(values)} of {entry['seeds']} seeds)"
    return f"{mean_and_spread(values, entry)}{missing}"


def heading(name: str, entry: Told) -> str:
    """A set by name, with its metric where scores are errors."""
    return name if entry["kind"] == CLASSIFICATION else f"{name} ({label(entry['metric'])})"


def points(value: float | None, sign: str = "") -> str:
    """A share in per cent, or a difference of shares in points.

    >>> points(0.7421), points(0.0104, "+"), points(None)
    ('74.2', '+1.0', '–')
    """
    return NOTHING if value is None else f"{100 * value:{sign}.1f}"


def estimate(found: tuple[float, float, float]) -> str:
    """A correlation, say, and the ends of its interval.

    >>> estimate((0.771, 0.104, 0.959)), estimate((np.nan, np.nan, np.nan))
    ('+0.77 (+0.10 to +0.96)', '–')
    """
    value, low, high = found
    return NOTHING if np.isnan(value) else f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def p_value(value: float | None) -> str:
    """To two digits.

    >>> p_value(0.0234), p_value(0.0000412), p_value(1.0), p_value(float("nan"))
    ('0.023', '4.1e-05', '1', '–')
    """
    return NOTHING if value is None or np.isnan(value) else f"{value:.2g}"
