"""Rows of a table as molecules, each once."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.screening.facts import Facts, describe, grouped
from molweight.screening.findings import SetAside
from molweight.tasks.data import TaskKind

Labels = NDArray[np.float32]


def usable_rows(
    smiles: Sequence[str], values: Labels, unreadable: Mapping[int, str]
) -> tuple[dict[int, Facts], list[SetAside]]:
    """Facts of the rows that are molecules with a label, by row, and the other rows with the reason.

    Args:
        smiles: of each row, as written.
        values: labels, [rows, tasks], NaN where missing.
        unreadable: why rows have no SMILES, by row.
    """
    facts, aside = {}, []
    for row, found in enumerate(describe(smiles)):
        if isinstance(found, str):
            aside.append(SetAside(row, smiles[row], unreadable.get(row, found)))
        elif np.isnan(values[row]).all():
            aside.append(SetAside(row, smiles[row], "no label"))
        else:
            facts[row] = found
    return facts, aside


def merged_labels(facts: dict[int, Facts], values: Labels, kind: TaskKind) -> tuple[Labels, list[str]]:
    """Labels of each molecule, [molecules, tasks], in order of its first row, and remarks.

    Rows of one molecule are merged at the median of each label; classes that disagree count as missing.

    Args:
        facts: of the rows that are used, by row.
        values: labels, [rows, tasks].
        kind: of all tasks.
    """
    rows = list(facts)
    groups = list(grouped(f.canonical for f in facts.values()).values())
    labels = (
        np.stack([_median(values[[rows[p] for p in group]]) for group in groups]) if groups else values[:0]
    )
    remarks = []
    if merged := len(rows) - len(groups):
        remarks.append(
            f"{merged:,} rows of a molecule that came before were merged at the median of each label"
        )
    if kind == "classification":
        disagree = (labels > 0) & (labels < 1)
        labels = np.where(disagree, np.nan, labels)
        if disagree.any():
            remarks.append(f"{int(disagree.sum()):,} labels of rows that disagree count as missing")
    return labels.astype(np.float32), remarks


def _median(values: Labels) -> Labels:
    if len(values) == 1:
        return values[0]
    present = ~np.isnan(values).all(axis=0)
    found = np.full(values.shape[1], np.nan, np.float32)
    found[present] = np.nanmedian(values[:, present], axis=0)
    return found
