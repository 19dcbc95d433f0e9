"""Rows of the same molecule: merged where their labels agree, set aside or told where they do not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from molweight.screening.facts import Facts, grouped
from molweight.screening.findings import Finding, SetAside, counted
from molweight.tasks.data import TaskKind

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class Merged:
    """The molecules that remain, and what became of the others.

    Attributes:
        kept: positions among the molecules given, rising.
        labels: float32 [kept, tasks].
        set_aside: rows that are not used any more.
        findings: what was merged and what disagreed.
    """

    kept: NDArray[np.int64]
    labels: Labels
    set_aside: list[SetAside]
    findings: list[Finding]


@dataclass
class _Tally:
    """Positions of the molecules that occur more than once, by what became of them."""

    agreeing: list[list[int]] = field(default_factory=list)
    conflicting: list[list[int]] = field(default_factory=list)
    scattered: list[list[int]] = field(default_factory=list)


def merge_duplicates(
    facts: Sequence[Facts], rows: Sequence[int], labels: Labels, kind: TaskKind, tasks: Sequence[str]
) -> Merged:
    """Keep each molecule once, by canonical SMILES, at its first row.

    Classes are merged where all rows agree on every task, and all rows set aside where they do not.
    Numbers are merged at their median; where they are further apart than a standard deviation of the
    whole column, that is told by itself. A label that only a later row has goes to the first.

    Args:
        facts: of each molecule.
        rows: its number in the input.
        labels: [molecules, tasks], NaN where missing.
        kind: of all tasks.
        tasks: their names.
    """
    merged = labels.copy()
    gone = np.zeros(len(facts), bool)
    tally = _Tally()
    widest = np.zeros(len(tasks))
    spread = _deviation(labels)
    for group in grouped(f.canonical for f in facts).values():
        if len(group) == 1:
            continue
        ranges = _over_present(np.ptp, labels[group])
        widest = np.fmax(widest, ranges)
        if kind == "classification" and ranges.max() > 0:
            tally.conflicting.append(group)
            gone[group] = True
            continue
        (tally.scattered if kind == "regression" and (ranges > spread).any() else tally.agreeing).append(
            group
        )
        merged[group[0]] = _over_present(np.median, labels[group], np.nan)
        gone[group[1:]] = True
    kept = np.flatnonzero(~gone)
    return Merged(
        kept, merged[kept], _set_aside(tally, facts, rows), _findings(tally, rows, kind, tasks, widest)
    )


def _deviation(labels: Labels) -> NDArray[np.float64]:
    return _over_present(np.std, labels)


def _over_present(
    function: Callable[[NDArray[np.float64]], float], labels: Labels, otherwise: float = 0.0
) -> NDArray[np.float64]:
    """A number for each task, of the labels that are there."""
    present = [column[~np.isnan(column)].astype(np.float64) for column in labels.T]
    return np.array([function(column) if len(column) else otherwise for column in present])


def _set_aside(tally: _Tally, facts: Sequence[Facts], rows: Sequence[int]) -> list[SetAside]:
    conflicting = [
        SetAside(
            rows[p],
            facts[p].smiles,
            f"the same molecule as in row {_others(group, p, rows)}, with another label",
        )
        for group in tally.conflicting
        for p in group
    ]
    return conflicting + [
        SetAside(rows[p], facts[p].smiles, f"the same molecule as in row {rows[group[0]]}; merged into that")
        for group in tally.agreeing + tally.scattered
        for p in group[1:]
    ]


def _others(group: Sequence[int], position: int, rows: Sequence[int]) -> str:
    return ", ".join(str(rows[p]) for p in group if p != position)


def _findings(
    tally: _Tally, rows: Sequence[int], kind: TaskKind, tasks: Sequence[str], widest: NDArray[np.float64]
) -> list[Finding]:
    findings: list[Finding] = []
    if merged := tally.agreeing + tally.scattered:
        how = "the median of its labels" if kind == "regression" else "the label they agree on"
        text = f"{_what(merged)}; each was merged into its first row, with {how}."
        if kind == "regression":
            apart = ", ".join(f"{width:.3g} ({task!r})" for width, task in zip(widest, tasks, strict=True))
            text += f" Labels of one molecule are up to {apart} apart."
        findings.append(Finding("Duplicates", text, _rows(merged, rows)))
    if tally.scattered:
        text = (
            f"{_what(tally.scattered)} with labels further apart than a standard deviation of the column; "
            "they were merged at the median nonetheless. See whether they were measured alike."
        )
        findings.append(Finding("Duplicates that disagree", text, _rows(tally.scattered, rows)))
    if tally.conflicting:
        text = f"{_what(tally.conflicting)} in both classes; all their rows were set aside."
        findings.append(Finding("Conflicting duplicates", text, _rows(tally.conflicting, rows)))
    return findings


def _what(groups: Sequence[Sequence[int]]) -> str:
    verb = "occurs" if len(groups) == 1 else "occur"
    return (
        f"{counted(len(groups), 'molecule')} {verb} more than once ({counted(sum(map(len, groups)), 'row')})"
    )


def _rows(groups: Sequence[Sequence[int]], rows: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(rows[p] for group in groups for p in group))
