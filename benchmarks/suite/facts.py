"""Sets, costs, learned weights and failures of a suite as tables, from what `summary.json` says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from molweight.benchmarks.plain_table import Code, PlainTable, Strong
from molweight.benchmarks.suite.agreement import single_gains
from molweight.benchmarks.suite.numbers import NOTHING, Told
from molweight.benchmarks.suite.summary import COST_UNIT, cost_unit, is_ours
from molweight.reports.tables import mean_and_spread
from molweight.reports.words import label
from molweight.screening.findings import counted


def set_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """What each data set is: its metric, tasks, parts, split and machines."""
    headings = ("set", "metric", "tasks", "train / valid / test", "split", "seeds", "unfinished", "machine")
    rows = tuple((name, *_set_cells(entry, methods)) for name, entry in told["sets"].items())
    notes = ["; ".join(f"{label(term)}: {value}" for term, value in told["terms"].items()) + "."]
    notes += [f"{name}: {entry['note']}." for name, entry in told["sets"].items() if entry["note"]]
    left_out = {name: len(entry["tasks_left_out"]) for name, entry in told["sets"].items()}
    if any(left_out.values()):
        counts = ", ".join(f"{name} {count}" for name, count in left_out.items() if count)
        notes.append(f"Tasks left out of scores, with one class only in a test part: {counts}.")
    if mixed := [name for name, entry in told["sets"].items() if len(_machines(entry)) > 1]:
        notes.append(f"Run on different machines: {', '.join(mixed)}; costs are compared within one.")
    if told["not_begun"]:
        notes.append(f"Asked for and not begun: {', '.join(told['not_begun'])}.")
    return [PlainTable(f"{split}: data sets", headings, rows, tuple(notes))]


def cost_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Multiples of what fine-tuning costs on the same set and machine, and their median over sets."""
    sets, unit = told["sets"], cost_unit(methods)
    rows = [(Code(method), *_cost_cells(sets.values(), method)) for method in methods]
    seconds = [_mean(entry["methods"].get(unit, {}).get("seconds", []), ".0f") for entry in sets.values()]
    rows.append((f"seconds of {unit}", *seconds, ""))
    title = f"{split}: cost, in multiples of {unit} on the same set and machine"
    return [PlainTable(title, ("method", *sets, "median"), tuple(rows))]


def weight_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Which objectives help which property, by each of our methods, and whether single objectives agree."""
    found = [_weights(split, told, method) for method in methods if is_ours(method)]
    return [table for table in found if table.rows]


def failure_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Runs that failed, with their errors."""
    rows = tuple(_failures(told["sets"]))
    notes = () if rows else ("No run has failed.",)
    return [PlainTable(f"{split}: failed runs", ("set", "method", "seed", "error"), rows, notes)]


def _set_cells(entry: Told, methods: Sequence[str]) -> Iterator[str]:
    yield from (label(entry["metric"]), str(entry["tasks"]))
    yield " / ".join(str(size) for size in entry["sizes"].values())
    yield ", ".join(entry["digests"])
    yield str(entry["seeds"])
    unfinished = sum(entry["seeds"] - len(entry["methods"][m]["seeds"]) for m in methods)
    yield f"{unfinished} of {entry['seeds'] * len(methods)}"
    yield "; ".join(_machines(entry)) or NOTHING


def _machines(entry: Told) -> list[str]:
    return sorted({machine for found in entry["methods"].values() for machine in found["machine"] if machine})


def _cost_cells(entries: Iterable[Told], method: str) -> Iterator[str]:
    costs = [entry["methods"][method]["cost"] for entry in entries]
    yield from (NOTHING if cost is None else f"{cost:.1f}×" for cost in costs)
    known = [cost for cost in costs if cost is not None]
    yield f"{np.median(known):.1f}×" if known else NOTHING


def _mean(values: Sequence[float], form: str) -> str:
    return f"{np.mean(values):{form}}" if values else NOTHING


def _weights(split: str, told: Told, method: str) -> PlainTable:
    learned = {
        name: e["methods"][method] for name, e in told["sets"].items() if "weights" in e["methods"][method]
    }
    objectives = list(dict.fromkeys(name for found in learned.values() for name in found["weights"]))
    singles = {name: single_gains(told["sets"][name]) for name in learned}
    rows = tuple(
        (name, *(_weight(found, objective, singles[name].get(objective)) for objective in objectives))
        for name, found in learned.items()
    )
    notes = [
        "Weight after learning ± spread over seeds; mean cosine of the objective's gradient with what the "
        "property asks for, and where folds judged, its t over them; less error of the objective alone than "
        f"of {COST_UNIT}. Bold: above an equal share with every seed."
    ]
    if agreed := told["agreement"].get(method):
        notes.append(
            "The objective of the largest weight is the one that gains most alone on "
            f"{agreed['same']} of {counted(agreed['sets'], 'set')} (by chance {agreed['chance']:.1f}); rank "
            "correlation of cosines with gains alone: "
            + (NOTHING if agreed["correlation"] is None else f"{agreed['correlation']:+.2f}.")
        )
    return PlainTable(f"{split}: what {method} learned", ("set", *map(label, objectives)), rows, tuple(notes))


def _weight(found: Told, objective: str, alone: float | None) -> str:
    values = found["weights"].get(objective)
    if values is None:
        return NOTHING
    parts = [mean_and_spread(values, 2)]
    seen = found.get("evidence", {}).get(objective, {})
    for key, told in (("cosine", "cosine {:+.3f}"), ("folds_t", "t of the folds {:+.1f}")):
        if (found_by_seed := seen.get(key)) and None not in found_by_seed:
            parts.append(told.format(np.mean(found_by_seed)))
    if alone is not None:
        parts.append(f"alone {100 * alone:+.1f} %")
    share = [sum(seed) / len(found["weights"]) for seed in zip(*found["weights"].values(), strict=True)]
    above = all(value > equal for value, equal in zip(values, share, strict=True))
    return Strong("; ".join(parts)) if above else "; ".join(parts)


def _failures(sets: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, entry in sets.items():
        for method, found in entry["methods"].items():
            for seed, error in found["failed"].items():
                yield (name, Code(method), seed, error)
