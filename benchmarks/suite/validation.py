"""What methods reach on the validation part, by which variants of a method are chosen, as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from molweight.benchmarks.plain_table import Code, PlainTable
from molweight.benchmarks.suite.comparison import paired_difference
from molweight.benchmarks.suite.numbers import NOTHING, Told, heading, number, score_over_seeds
from molweight.benchmarks.suite.summary import OURS, is_ours


def validation_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Validation score of each method, and what it gains there on one of them over paired seeds.

    That is `tapweight`, or else the first of ours, or else the first of all.
    """
    sets = told["sets"]
    base = OURS if OURS in methods else next(filter(is_ours, methods), methods[0])
    headings = ("method", *(part for name in sets for part in (heading(name, sets[name]), f"on {base}")))
    rows = tuple(
        (Code(m), *(part for entry in sets.values() for part in _cells(entry, m, base))) for m in methods
    )
    notes = (
        f"Mean ± spread over seeds; beside it the gain on {base}, above 0 where better, with Student's 95 % "
        "interval over the seeds that both have. What learned from the validation part is favoured.",
    )
    return [PlainTable(f"{split}: validation scores", headings, rows, notes)]


def _cells(entry: Told, method: str, base: str) -> tuple[str, str]:
    ours, theirs = (_by_seed(entry["methods"].get(name, {})) for name in (method, base))
    score = score_over_seeds(list(ours.values()), entry, method)
    return score, NOTHING if method == base else _gain(entry, ours, theirs)


def _by_seed(found: Mapping[str, Any]) -> dict[int, float]:
    """Of the runs that could be scored there."""
    scores = zip(found.get("seeds", []), found.get("valid", []), strict=True)
    return {seed: valid for seed, valid in scores if valid is not None}


def _gain(entry: Told, ours: Mapping[int, float], base: Mapping[int, float]) -> str:
    seeds = sorted(ours.keys() & base.keys())
    if not seeds:
        return NOTHING
    sign = 1 if entry["higher_is_better"] else -1
    found = paired_difference([sign * ours[seed] for seed in seeds], [sign * base[seed] for seed in seeds])
    mean, low, high = (number(value, entry, "+") for value in found)
    return f"{mean} ({low} to {high})"
