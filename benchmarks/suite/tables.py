"""Scores and gains of a suite as tables, from what `summary.json` says and nothing else."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from molweight.benchmarks.plain_table import Code, PlainTable
from molweight.benchmarks.suite.comparison import verdict
from molweight.benchmarks.suite.numbers import (
    CLASSIFIED,
    NOTHING,
    Told,
    best_of,
    heading,
    interval,
    marked,
    number,
    of_kind,
    points,
    score_over_seeds,
)
from molweight.benchmarks.suite.over_sets import CLASSIFICATION
from molweight.benchmarks.suite.summary import is_ours, references
from molweight.screening.findings import counted


def score_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Test scores of all methods: ROC-AUC with its mean over sets, PR-AUC, and the errors of regression."""
    classes, values = (of_kind(told, kind) for kind in (CLASSIFICATION, "regression"))
    found = []
    if classes:
        found.append(_scores(f"{split}: test ROC-AUC in %", classes, methods, told["means"]))
        found.append(_scores(f"{split}: test PR-AUC in %", classes, methods, other="pr_auc"))
    if values:
        found.append(_scores(f"{split}: test error, the lower the better", values, methods))
    return found


def gain_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """What each of our methods gains on each reference, with both intervals, a table each."""
    return [_gains(split, told, method, references(method, methods)) for method in methods if is_ours(method)]


def _scores(
    title: str,
    sets: Mapping[str, Told],
    methods: Sequence[str],
    means: Mapping[str, float | None] | None = None,
    other: str | None = None,
) -> PlainTable:
    best = {name: _best(entry, methods, other) for name, entry in sets.items()}
    rows = [
        [Code(m), *(_score(entry, m, other, m == best[name]) for name, entry in sets.items())]
        for m in methods
    ]
    headings = ["method", *(name if other else heading(name, entry) for name, entry in sets.items())]
    if means:
        most = best_of(means, CLASSIFIED)
        headings.append(f"mean of {len(sets)}")
        for method, row in zip(methods, rows, strict=True):
            row.append(marked(points(means.get(method)), method == most))
    if other is None:
        errors = [number(entry["sampling_error"], entry) for entry in sets.values()]
        rows.append(["sampling error", *errors, *([NOTHING] if means else [])])
    ours = ", ".join(filter(is_ours, methods))
    notes = ["Bold: the best that is finished." + (f" Ours: {ours}." if ours else "")]
    if other is None:
        notes.append("Sampling error: bootstrap standard error over test molecules, median over methods.")
    return PlainTable(title, tuple(headings), tuple(map(tuple, rows)), tuple(notes))


def _values(entry: Told, method: str, other: str | None) -> list[float]:
    found = entry["methods"][method]
    values = found["others"].get(other, []) if other else found["test"]
    return [float("nan") if value is None else value for value in values]


def _best(entry: Told, methods: Sequence[str], other: str | None) -> str | None:
    means = {
        m: float(np.mean(values))
        for m in methods
        if len(values := _values(entry, m, other)) == entry["seeds"] and not np.isnan(values).any()
    }
    return best_of(means, CLASSIFIED if other else entry)


def _score(entry: Told, method: str, other: str | None, best: bool) -> str:
    return marked(score_over_seeds(_values(entry, method, other), entry, method), best)


def _gains(split: str, told: Told, method: str, compared: Sequence[str]) -> PlainTable:
    rivals = [r for r in compared if any(method in e["gains"].get(r, {}) for e in told["sets"].values())]
    headings = ["set", *(part for r in rivals for part in (f"on {r}", "molecules; seeds"))]
    rows = [[name, *_gain_cells(entry, method, rivals)] for name, entry in told["sets"].items()]
    rows.append(["mean of classification", *_mean_gain_cells(told, method, rivals)])
    title = f"{split}: what {method} gains, in points of ROC-AUC or in less error"
    notes = (
        "95 % intervals: in brackets over test molecules and seeds together (bootstrap), in bold where it "
        "leaves out 0; beside it over molecules alone (bootstrap), and over paired seeds alone (Student).",
    )
    return PlainTable(title, tuple(headings), tuple(map(tuple, rows)), notes)


def _gain_cells(entry: Told, method: str, rivals: Sequence[str]) -> Iterable[str]:
    for rival in rivals:
        found = entry["gains"].get(rival, {}).get(method)
        if found is None:
            yield from ("unfinished", NOTHING)
            continue
        few = "" if found["seeds"] == entry["seeds"] else f" ({found['seeds']} of {entry['seeds']} seeds)"
        yield _with_interval(found, entry, few)
        yield _apart(found, entry)


def _mean_gain_cells(told: Told, method: str, rivals: Sequence[str]) -> Iterable[str]:
    for rival in rivals:
        found = told["mean_gains"].get(rival, {}).get(method)
        if found is None:
            yield from (NOTHING, NOTHING)
        else:
            yield _with_interval(found, CLASSIFIED, f" ({counted(found['sets'], 'set')})")
            yield _apart(found, CLASSIFIED)


def _with_interval(found: Told, entry: Told, few: str) -> str:
    text = f"{number(found['mean'], entry, '+')} ({interval(found['over_both'], entry)}){few}"
    return marked(text, verdict(*found["over_both"]) != "tie")


def _apart(found: Told, entry: Told) -> str:
    return "; ".join(interval(found[over], entry) for over in ("over_molecules", "over_seeds"))
