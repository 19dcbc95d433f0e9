"""A user's table as molecules with labels, and what was found and done on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.molecules.store import store_from_smiles
from molweight.molecules.tables import open_molecules
from molweight.screening.findings import Finding, SetAside
from molweight.screening.hygiene import clean
from molweight.screening.targets import Censored, Kind, find_targets
from molweight.tasks.data import TaskData


@dataclass(frozen=True)
class TrainingSet:
    """Labelled molecules out of a table.

    Attributes:
        source: name of the table.
        data: molecules and labels.
        rows: int64 [molecules], the row of the table that each came from, from 0 below the header.
        classes: of each classification task, what 0 and 1 are called; empty for regression.
        findings: what a reader should know of the data.
        set_aside: rows that were left out, and why.
    """

    source: str
    data: TaskData
    rows: NDArray[np.int64]
    classes: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def digest(self) -> str:
        """Of the SMILES and labels that are used, by which two runs know the same data."""
        content = "\n".join(self.data.smiles).encode() + np.ascontiguousarray(self.data.labels).tobytes()
        return sha256(content).hexdigest()[:16]


def load_training(
    path: Path,
    targets: Sequence[str],
    kind: Kind = "auto",
    smiles_column: str | None = None,
    censored: Censored = "missing",
    largest_fragment: bool = False,
) -> TrainingSet:
    """Read a table of measured molecules, and clean it.

    Args:
        path: of the table, or - for CSV from standard input.
        targets: columns of labels.
        kind: of all of them; found out where it is auto.
        smiles_column: found by name or content where it is None.
        censored: what stands for a value such as >10: missing, or its bound.
        largest_fragment: keep the largest part of salts and mixtures.

    Raises:
        DataError: if the table, a label or the molecules cannot be used; the text says where and what to do.
        ConfigError: if an option has a value that does not exist.
    """
    file = open_molecules(path, smiles_column)
    chunks = list(file)
    table = pd.concat([chunk.table for chunk in chunks], ignore_index=True)
    smiles = [text for chunk in chunks for text in chunk.smiles]
    unreadable = {row: reason for chunk in chunks for row, reason in chunk.unreadable.items()}
    found = find_targets(table, targets, kind, censored)
    cleaned = clean(
        smiles,
        found.labels,
        found.kind,
        found.tasks,
        largest_fragment=largest_fragment,
        unreadable=unreadable,
    )
    store = store_from_smiles(cleaned.smiles)
    guessed = [Finding("Column of molecules", file.guessed)] if file.guessed else []
    return TrainingSet(
        path.name,
        TaskData(cleaned.smiles, store, cleaned.labels, found.tasks, found.kind),
        cleaned.rows,
        tuple(found.classes[task] for task in found.tasks) if found.kind == "classification" else (),
        (*guessed, _about_kind(found.kind, kind == "auto", found.tasks), *found.findings, *cleaned.findings),
        tuple(cleaned.set_aside),
    )


def _about_kind(kind: str, guessed: bool, tasks: Sequence[str]) -> Finding:
    how = "guessed from the values; --kind says otherwise" if guessed else "as asked"
    return Finding("Kind of task", f"{', '.join(tasks)}: {kind} ({how}).")
