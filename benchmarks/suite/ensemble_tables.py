"""Scores of ensembles over seeds as tables, from what `summary.json` says and nothing else."""

from collections.abc import Iterable, Mapping, Sequence

from molweight.benchmarks.plain_table import Code, PlainTable
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
)
from molweight.benchmarks.suite.over_sets import CLASSIFICATION
from molweight.benchmarks.suite.summary import is_ours, references


def ensemble_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Test scores of the mean output over seeds, and what each of ours gains.

    There are none where the seeds of a set share no test part.
    """
    classes, values = (
        {name: entry for name, entry in of_kind(told, kind).items() if entry.get("ensembles")}
        for kind in (CLASSIFICATION, "regression")
    )
    found = []
    if classes:
        found.append(_scores(f"{split}: test ROC-AUC in % of all seeds together", classes, methods, told))
    if values:
        found.append(_scores(f"{split}: test error of all seeds together", values, methods))
    if found:
        ours = [method for method in methods if is_ours(method)]
        found += [_gains(split, told, classes | values, m, references(m, methods)) for m in ours]
    return found


def _scores(
    title: str, sets: Mapping[str, Told], methods: Sequence[str], told: Told | None = None
) -> PlainTable:
    columns = [(heading(name, entry), entry, entry["ensembles"]) for name, entry in sets.items()]
    if told and told["ensembles"]:
        columns.append((f"mean of {len(sets)}", CLASSIFIED, told["ensembles"]))
    best = [best_of(each["test"], entry) for _, entry, each in columns]
    rows = [(Code(m), *(_score(c, m == b, m) for c, b in zip(columns, best, strict=True))) for m in methods]
    counts = sorted({entry["seeds"] for entry in sets.values()})
    notes = (
        f"Score of the mean output of {' or '.join(map(str, counts))} seeds: of values, of logits of "
        "networks, and of probabilities of forests. Bold: the best that is finished.",
    )
    return PlainTable(title, ("method", *(title for title, _, _ in columns)), tuple(rows), notes)


def _score(column: tuple[str, Told, Told], best: bool, method: str) -> str:
    _, entry, found = column
    return marked(number(found["test"][method], entry), best) if method in found["test"] else "unfinished"


def _gains(
    split: str, told: Told, sets: Mapping[str, Told], method: str, compared: Sequence[str]
) -> PlainTable:
    rows = [(name, *_gain_cells(entry["ensembles"], entry, method, compared)) for name, entry in sets.items()]
    if told["ensembles"]:
        rows.append(("mean of classification", *_gain_cells(told["ensembles"], CLASSIFIED, method, compared)))
    title = f"{split}: what {method} gains with all seeds together, in points of ROC-AUC or in less error"
    notes = (
        "In brackets 95 % intervals over test molecules alone (bootstrap): that other seeds would have given "
        "another ensemble is not in them, and they decide nothing.",
    )
    return PlainTable(title, ("set", *(f"on {rival}" for rival in compared)), tuple(rows), notes)


def _gain_cells(found: Told, entry: Told, method: str, compared: Sequence[str]) -> Iterable[str]:
    for rival in compared:
        each = found["gains"].get(rival, {}).get(method)
        yield (
            f"{number(each['mean'], entry, '+')} ({interval(each['over_molecules'], entry)})"
            if each
            else NOTHING
        )
