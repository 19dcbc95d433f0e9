"""Scores, gains, ranks and goals of a suite as tables, from what `summary.json` says and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from molweight.benchmarks.comparison import verdict
from molweight.benchmarks.plain_table import Code, PlainTable, Strong
from molweight.benchmarks.suite_over_sets import CLASSIFICATION
from molweight.benchmarks.suite_summary import REFERENCES, is_ours
from molweight.screening.findings import counted

ALL_CLASSIFICATION = 8  # sets that the goals are set for
ACRONYMS = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "rmse": "RMSE", "mae": "MAE"}
NOTHING = "–"

Told = Mapping[str, Any]  # of a split, as in `summary.json`


def score_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Test scores of all methods: ROC-AUC with its mean over sets, PR-AUC, and the errors of regression."""
    classes, values = (_of_kind(told, kind) for kind in (CLASSIFICATION, "regression"))
    found = []
    if classes:
        found.append(_scores(f"{split}: test ROC-AUC in %", classes, methods, told["means"]))
        found.append(_scores(f"{split}: test PR-AUC in %", classes, methods, other="pr_auc"))
    if values:
        found.append(_scores(f"{split}: test error, the lower the better", values, methods))
    return found


def gain_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """What each of our methods gains on each reference, with both intervals, a table each."""
    return [_gains(split, told, method) for method in methods if is_ours(method)]


def rank_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Mean ranks, and wins, ties, losses and corrected tests of our methods against every other."""
    return [_ranks(split, told["ranking"]), _pairs(split, told["pairs"])]


def goal_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Where each of our methods stands to what the protocol calls success, on the headline split."""
    goals = told["goals"]
    if not goals:
        return []
    headings = ("method", "on finetune", "on equal", "losses to them", "mean ROC-AUC", "not above rf", "rank")
    notes = ["Rank: mean rank among our methods by validation score, which chooses the one that is claimed."]
    classes = len(_of_kind(told, CLASSIFICATION))
    if classes < ALL_CLASSIFICATION:
        notes.append(f"Only {classes} of {ALL_CLASSIFICATION} classification sets have been begun.")
    rows = tuple((Code(method), *_goal_cells(found, classes)) for method, found in goals.items())
    return [PlainTable(f"{split}: goals, and whether they are reached", headings, rows, tuple(notes))]


def _of_kind(told: Told, kind: str) -> dict[str, Told]:
    return {name: entry for name, entry in told["sets"].items() if entry["kind"] == kind}


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
    headings = ["method", *(_heading(name, entry, other) for name, entry in sets.items())]
    if means:
        known = {method: value for method, value in means.items() if value is not None}
        most = max(known, key=lambda m: known[m], default=None)
        headings.append(f"mean of {len(sets)}")
        for method, row in zip(methods, rows, strict=True):
            row.append(_marked(_points(known.get(method)), method == most))
    if other is None:
        errors = [_number(entry["sampling_error"], entry) for entry in sets.values()]
        rows.append(["sampling error", *errors, *([NOTHING] if means else [])])
    notes = ["Bold: the best that is finished. Ours: " + ", ".join(m for m in methods if is_ours(m)) + "."]
    if other is None:
        notes.append("Sampling error: bootstrap standard error over test molecules, median over methods.")
    return PlainTable(title, tuple(headings), tuple(map(tuple, rows)), tuple(notes))


def _heading(name: str, entry: Told, other: str | None) -> str:
    return name if other or entry["kind"] == CLASSIFICATION else f"{name} ({ACRONYMS[entry['metric']]})"


def _values(entry: Told, method: str, other: str | None) -> list[float]:
    found = entry["methods"][method]
    values = found["others"].get(other, []) if other else found["test"]
    return [float("nan") if value is None else value for value in values]


def _best(entry: Told, methods: Sequence[str], other: str | None) -> str | None:
    sign = 1 if other or entry["higher_is_better"] else -1
    means = {
        m: sign * float(np.mean(values))
        for m in methods
        if len(values := _values(entry, m, other)) == entry["seeds"] and not np.isnan(values).any()
    }
    return max(means, key=lambda m: means[m], default=None)


def _score(entry: Told, method: str, other: str | None, best: bool) -> str:
    values = _values(entry, method, other)
    if not values:
        return "failed" if entry["methods"][method]["failed"] else "unfinished"
    spread = f" ± {_number(np.std(values, ddof=1), entry)}" if len(values) > 1 else ""
    told = f"{_number(np.mean(values), entry)}{spread}"
    missing = "" if len(values) == entry["seeds"] else f" ({len(values)} of {entry['seeds']} seeds)"
    return _marked(told + missing, best)


def _marked(text: str, best: bool) -> str:
    return Strong(text) if best else text


def _number(value: Any, entry: Told, sign: str = "") -> str:
    """A score of a set, or a difference of scores: in per cent, or in the units of the labels."""
    if value is None or np.isnan(value):
        return NOTHING
    return _points(value, sign) if entry["kind"] == CLASSIFICATION else f"{value:{sign}.3f}"


def _points(value: float | None, sign: str = "") -> str:
    return NOTHING if value is None else f"{100 * value:{sign}.1f}"


def _gains(split: str, told: Told, method: str) -> PlainTable:
    rivals = [r for r in REFERENCES if any(method in e["gains"].get(r, {}) for e in told["sets"].values())]
    headings = ["set", *(part for r in rivals for part in (f"on {r} (molecules)", "seeds"))]
    rows = [[name, *_gain_cells(entry, method, rivals)] for name, entry in told["sets"].items()]
    rows.append(["mean of classification", *_mean_gain_cells(told, method, rivals)])
    title = f"{split}: what {method} gains, in points of ROC-AUC or in less error"
    notes = (
        "95 % intervals: over test molecules (bootstrap) in brackets, over paired seeds (Student) beside it. "
        "Bold: the interval over molecules leaves out 0.",
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
        yield _interval(found["over_seeds"], entry)


def _mean_gain_cells(told: Told, method: str, rivals: Sequence[str]) -> Iterable[str]:
    for rival in rivals:
        found = told["mean_gains"].get(rival, {}).get(method)
        if found is None:
            yield from (NOTHING, NOTHING)
        else:
            yield _with_interval(found, {"kind": CLASSIFICATION}, "")
            yield counted(found["sets"], "set")


def _with_interval(found: Told, entry: Told, few: str) -> str:
    text = f"{_number(found['mean'], entry, '+')} ({_interval(found['over_molecules'], entry)}){few}"
    return _marked(text, verdict(*found["over_molecules"]) != "tie")


def _interval(ends: Sequence[float | None], entry: Told) -> str:
    if None in ends:
        return NOTHING
    return " to ".join(_number(end, entry, "+") for end in ends)


def _ranks(split: str, ranking: Told | None) -> PlainTable:
    title = f"{split}: mean ranks, 1 is best"
    if ranking is None:
        return PlainTable(title, (), (), ("Too few finished methods or data sets to rank.",))
    rows = tuple(
        (Code(m), f"{rank:.2f}") for m, rank in zip(ranking["methods"], ranking["ranks"], strict=True)
    )
    notes = [
        f"Over {len(ranking['sets'])} data sets ({', '.join(ranking['sets'])}). Friedman's test: "
        f"p = {_p(ranking['friedman'])}. Critical difference at 5 % (Nemenyi): {ranking['difference']:.2f}."
    ]
    if ranking["left_out"]:
        notes.append(f"Left out, because not finished: {', '.join(ranking['left_out'])}.")
    return PlainTable(title, ("method", "mean rank"), rows, tuple(notes))


def _pairs(split: str, pairs: Sequence[Told]) -> PlainTable:
    headings = (
        "method",
        "against",
        "sets",
        "wins",
        "ties",
        "losses",
        "less error (median)",
        "p",
        "corrected p",
    )
    rows = tuple((Code(p["method"]), Code(p["against"]), *_pair_cells(p)) for p in pairs)
    compared = sum(len(pair["sets"]) for pair in pairs)
    notes = [
        "Win, loss: the bootstrap interval over molecules leaves out 0. "
        f"Of {compared} comparisons of equals, about {0.025 * compared:.1f} would come out as wins and as many "
        "as losses.",
        "p: Wilcoxon's signed-rank test over data sets; corrected by Holm within the comparisons with "
        f"{', '.join(REFERENCES)}, and within all others.",
    ]
    if any(pair["least"] > 0.05 for pair in pairs):
        notes.append('"too few sets": with so many, no corrected p could be below 0.05, whatever the gains.')
    return PlainTable(f"{split}: wins, ties and losses", headings, rows, tuple(notes))


def _pair_cells(pair: Told) -> Iterable[str]:
    lost = f" ({', '.join(pair['lost'])})" if pair["lost"] else ""
    yield from (str(len(pair["sets"])), str(pair["wins"]), str(pair["ties"]), f"{pair['losses']}{lost}")
    yield NOTHING if pair["median"] is None else f"{100 * pair['median']:+.1f} %"
    yield _p(pair["p"])
    yield "too few sets" if pair["least"] > 0.05 else _p(pair["corrected"])


def _p(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def _goal_cells(found: Told, classes: int) -> Iterable[str]:
    for rival in ("finetune", "equal"):
        each = found["gains"].get(rival)
        complete = each is not None and each["sets"] == ALL_CLASSIFICATION
        yield (
            NOTHING
            if each is None
            else (
                f"{_points(each['mean'], '+')} of {_points(each['wanted'], '+')} "
                f"({_said(each['mean'] >= each['wanted'], complete, each['sets'])})"
            )
        )
    yield ", ".join(found["lost"]) or "none"
    mean = found["mean"]
    yield (
        NOTHING
        if mean is None
        else (
            f"{_points(mean)} of {_points(found['published'])} "
            f"({_said(mean > found['published'], classes == ALL_CLASSIFICATION, classes)})"
        )
    )
    below = ", ".join(found["below_forest"]) or "none"
    yield f"{below} (of {counted(found['compared_with_forest'], 'set')})"
    yield NOTHING if found["validation_rank"] is None else f"{found['validation_rank']:.2f}"


def _said(reached: bool, complete: bool, sets: int) -> str:
    return ("reached" if reached else "not reached") + ("" if complete else f", on {counted(sets, 'set')}")
