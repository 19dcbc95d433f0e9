"""From SMILES and labels as they were given to molecules that a model can learn from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.molecules.flat_graphs import Rejected
from molweight.reports.rejected import write_rejected
from molweight.screening.duplicates import merge_duplicates
from molweight.screening.facts import Facts, describe, inchi_keys
from molweight.screening.findings import Finding, SetAside, counted
from molweight.screening.remarks import (
    about_balance,
    about_forms,
    about_fragments,
    about_size,
    about_stereo,
    about_unusable,
)
from molweight.tasks.data import TaskKind

FEWEST = 10  # molecules: below, no part of a split has a use

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class Clean:
    """Molecules to learn from, and everything that was changed on the way.

    Attributes:
        smiles: of each molecule, as given; of its largest fragment where that was asked for.
        rows: int64 [molecules], its number in the input.
        labels: float32 [molecules, tasks], NaN where missing.
        set_aside: rows that are not used, in order.
        findings: remarks on the data and on what was done to it.
    """

    smiles: list[str]
    rows: NDArray[np.int64]
    labels: Labels
    set_aside: list[SetAside]
    findings: list[Finding]


def clean(
    smiles: Sequence[str],
    labels: Labels,
    kind: TaskKind,
    tasks: Sequence[str],
    *,
    largest_fragment: bool = False,
    unreadable: Mapping[int, str] | None = None,
) -> Clean:
    """Set aside what is no molecule or has no label, merge duplicates, and look for what misleads a model.

    Args:
        smiles: of each row.
        labels: float32 [rows, tasks], NaN where missing; 0 or 1 for classification.
        kind: of all tasks.
        tasks: their names.
        largest_fragment: keep only the fragment of the most heavy atoms of salts and mixtures.
        unreadable: why a row has no SMILES, where its file says more than that.

    Raises:
        DataError: if fewer than 10 molecules are left, or a task has one class or value only.
    """
    found = describe(smiles, largest_fragment)
    aside = _not_usable(smiles, found, labels, unreadable or {})
    gone = {each.row for each in aside}
    usable = {row: facts for row, facts in enumerate(found) if isinstance(facts, Facts) and row not in gone}
    rows, facts = list(usable), list(usable.values())
    merged = merge_duplicates(facts, rows, labels[rows], kind, tasks)
    _check(len(smiles), merged.labels, kind, tasks)
    aside += [replace(each, smiles=smiles[each.row]) for each in merged.set_aside]
    kept_rows = [rows[p] for p in merged.kept]
    kept = [facts[p] for p in merged.kept]
    findings = [
        *about_unusable(found, gone),
        *about_fragments(usable, largest_fragment),
        *merged.findings,
        *about_forms(kept, kept_rows),
        *about_stereo(kept, kept_rows, merged.labels),
        *(about_balance(merged.labels, tasks) if kind == "classification" else []),
        *about_size(len(kept)),
    ]
    aside.sort(key=lambda each: each.row)
    return Clean([f.smiles for f in kept], np.array(kept_rows, np.int64), merged.labels, aside, findings)


def leakage(train: Sequence[str], test: Sequence[str]) -> list[int]:
    """Positions of test molecules that a model has as good as seen in training.

    These have the canonical SMILES of a train molecule, or the first block of its InChIKey: the same
    compound but for stereochemistry, mobile hydrogens and protonation. What is no molecule is left out.
    """
    seen, asked = _facts(train), _facts(test)
    canonical = {facts.canonical for facts in seen.values()}
    shared = {facts.skeleton for facts in seen.values()} & {facts.skeleton for facts in asked.values()}
    blocks = set(_first_blocks(seen, shared).values()) - {""}
    same = {p for p, facts in asked.items() if facts.canonical in canonical}
    return sorted(same | {p for p, block in _first_blocks(asked, shared).items() if block in blocks})


def write_findings(set_aside: Sequence[SetAside], source: str, path: Path) -> None:
    """Write file, row (from 0 below the header), SMILES and reason of each row that is not used.

    Args:
        set_aside: rows of one file.
        source: its name.
        path: CSV file to write.
    """
    rejected = [Rejected(each.row, each.smiles, each.reason) for each in set_aside]
    rows = 1 + max((each.row for each in set_aside), default=0)
    write_rejected(rejected, [(source, rows)], path)


def _facts(smiles: Sequence[str]) -> dict[int, Facts]:
    return {p: facts for p, facts in enumerate(describe(smiles)) if isinstance(facts, Facts)}


def _first_blocks(facts: Mapping[int, Facts], skeletons: Collection[str]) -> dict[int, str]:
    asked = {p: each.canonical for p, each in facts.items() if each.skeleton in skeletons}
    keys = inchi_keys(list(asked.values()))
    return {p: key.partition("-")[0] for p, key in zip(asked, keys, strict=True)}


def _not_usable(
    smiles: Sequence[str], found: Sequence[Facts | str], labels: Labels, unreadable: Mapping[int, str]
) -> list[SetAside]:
    aside = []
    for row, (text, facts) in enumerate(zip(smiles, found, strict=True)):
        if isinstance(facts, str):
            aside.append(SetAside(row, text, unreadable.get(row, facts)))
        elif np.isnan(labels[row]).all():
            aside.append(SetAside(row, text, "no label"))
    return aside


def _check(rows: int, labels: Labels, kind: TaskKind, tasks: Sequence[str]) -> None:
    if len(labels) < FEWEST:
        raise DataError(
            f"of {counted(rows, 'row')}, {len(labels)} are different molecules with labels; "
            f"at least {FEWEST} are needed"
        )
    for task, column in zip(tasks, labels.T, strict=True):
        values = np.unique(column[~np.isnan(column)])
        if len(values) < 2:
            what = (
                f"one {'class' if kind == 'classification' else 'value'} only" if len(values) else "no label"
            )
            raise DataError(f"column {task!r}: the {len(labels)} molecules that are left have {what}")
