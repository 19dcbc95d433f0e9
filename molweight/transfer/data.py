"""A wide table of molecules and tasks, read for asking which tasks help each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.molecules.tables import open_molecules
from molweight.screening.facts import Facts
from molweight.screening.findings import SetAside
from molweight.screening.label_texts import LabelTexts, sort_labels
from molweight.tasks.data import TaskKind
from molweight.transfer.merging import merged_labels, usable_rows

FEWEST_LABELS = 20  # of a task
FEWEST_OF_A_CLASS = 10  # so that folds have some of each to test on

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class LeftOut:
    """A column that is no task, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class TransferData:
    """Molecules with labels of several tasks, each molecule once.

    Attributes:
        source: name of the file.
        smiles: of each molecule.
        flat: canonical SMILES without stereochemistry; molecules that share it belong into one fold.
        labels: float32 [molecules, tasks], NaN where missing; 0 or 1 for classification.
        tasks: their names.
        kind: of all tasks.
        left_out: columns that are no tasks.
        set_aside: rows that are not used.
        remarks: what was done on the way.
    """

    source: str
    smiles: tuple[str, ...]
    flat: tuple[str, ...]
    labels: Labels
    tasks: tuple[str, ...]
    kind: TaskKind
    left_out: tuple[LeftOut, ...]
    set_aside: tuple[SetAside, ...]
    remarks: tuple[str, ...]

    @property
    def measured(self) -> NDArray[np.int64]:
        """Number of labels of each task: [tasks]."""
        return (~np.isnan(self.labels)).sum(axis=0)

    @property
    def digest(self) -> str:
        """Short hash that two runs on the same data share."""
        texts = "\n".join((self.kind, *self.tasks, *self.smiles))
        return sha256(texts.encode() + self.labels.astype("<f4").tobytes()).hexdigest()[:12]

    def best_measured(self, tasks: int) -> "TransferData":
        """The same with the tasks of the most labels alone, and the molecules that have one of these."""
        chosen = np.sort(np.argsort(-self.measured, kind="stable")[:tasks])
        return self.keep(
            chosen.tolist(), dict.fromkeys(self.tasks, f"not among the {tasks} of the most labels")
        )

    def keep(self, chosen: Sequence[int], reasons: Mapping[str, str]) -> "TransferData":
        """The same with some tasks alone, and the molecules that have a label of these.

        Args:
            chosen: tasks, as positions.
            reasons: why each of the others is left out.
        """
        labels = self.labels[:, list(chosen)]
        rows = np.flatnonzero(~np.isnan(labels).all(axis=1))
        rest = [
            LeftOut(self.tasks[t], reasons[self.tasks[t]]) for t in range(len(self.tasks)) if t not in chosen
        ]
        return replace(
            self,
            smiles=tuple(self.smiles[r] for r in rows),
            flat=tuple(self.flat[r] for r in rows),
            labels=labels[rows],
            tasks=tuple(self.tasks[t] for t in chosen),
            left_out=(*self.left_out, *rest),
        )


@dataclass(frozen=True)
class Reading:
    """How a table is read.

    Attributes:
        threshold: values at or above it are class 1, others class 0; without it, columns of 0 and 1, or of
            two opposite words, are classes, and others are numbers.
        smiles_column: found by its name or by what it holds where it is None.
        ignored: columns that are neither.
        negative_log: take the negative decadic logarithm of every value times this first.
        target: the one column that is a task; without it, two at least are wanted.
    """

    threshold: float | None = None
    smiles_column: str | None = None
    ignored: tuple[str, ...] = ()
    negative_log: float | None = None
    target: str | None = None


def read_transfer(path: Path, reading: Reading) -> TransferData:
    """Read a table with a column of SMILES and one column for each task, empty where not measured.

    Rows of the same molecule are merged at the median of each label; classes that disagree count as missing.

    Args:
        path: of the table.
        reading: how.

    Raises:
        DataError: if the file cannot be read, no two tasks are left, or not the one asked for, or classes and
            numbers are mixed.
    """
    file = open_molecules(path, reading.smiles_column)
    chunks = list(file)
    table = pd.concat([chunk.table for chunk in chunks], ignore_index=True)
    unreadable = {row: reason for chunk in chunks for row, reason in chunk.unreadable.items()}
    _check_ignored(table, reading.ignored, path)
    texts, left_out = _sort_columns(_chosen(table, reading, path), {file.smiles_column, *reading.ignored})
    if reading.target is not None and left_out:
        raise DataError(f"{path}: {left_out[0].name!r} is no target: {left_out[0].reason}")
    kind, values = _values(texts, reading, path)
    about = (*([file.guessed] if file.guessed else []), *_about_bounds(texts))
    smiles = table[file.smiles_column].tolist()
    fewest = 2 if reading.target is None else 1
    data = join_rows(path.name, smiles, values, tuple(texts), kind, unreadable, reading.threshold, fewest)
    return replace(data, left_out=(*left_out, *data.left_out), remarks=(*about, *data.remarks))


def join_rows(
    source: str,
    smiles: Sequence[str],
    values: Labels,
    tasks: tuple[str, ...],
    kind: TaskKind,
    unreadable: Mapping[int, str] = MappingProxyType({}),
    threshold: float | None = None,
    fewest: int = 1,
) -> TransferData:
    """Rows of molecules as molecules, each once, with the tasks of enough labels.

    Args:
        source: where the rows come from, for messages.
        smiles: of each row, as written.
        values: labels, float32 [rows, tasks], NaN where missing.
        tasks: their names.
        kind: of the values.
        unreadable: why rows have no SMILES, by row.
        threshold: makes classes of the merged values.
        fewest: tasks that are wanted.

    Raises:
        DataError: if fewer tasks than wanted have enough labels.
    """
    facts, aside = usable_rows(smiles, values, unreadable)
    labels, remarks = merged_labels(facts, values, kind)
    if threshold is not None:
        labels = np.where(np.isnan(labels), np.nan, labels >= np.float32(threshold)).astype(np.float32)
    firsts: dict[str, Facts] = {}
    for found in facts.values():
        firsts.setdefault(found.canonical, found)  # in the order of the merged labels
    return _measured_enough(
        TransferData(
            source,
            tuple(f.smiles for f in firsts.values()),
            tuple(f.flat for f in firsts.values()),
            labels,
            tasks,
            "classification" if threshold is not None else kind,
            (),
            tuple(aside),
            tuple(remarks),
        ),
        fewest,
    )


def _check_ignored(table: pd.DataFrame, ignored: Collection[str], path: Path) -> None:
    for name in ignored:
        if name not in table.columns:
            raise DataError(f"{path}: there is no column {name!r} to ignore")


def _chosen(table: pd.DataFrame, reading: Reading, path: Path) -> pd.DataFrame:
    """All columns, or that of the target alone."""
    if reading.target is None:
        return table
    if reading.target not in table.columns:
        raise DataError(
            f"{path}: there is no column {reading.target!r}; there are {', '.join(map(repr, table.columns))}"
        )
    return table[[reading.target]]


def _sort_columns(
    table: pd.DataFrame, ignored: Collection[str]
) -> tuple[dict[str, LabelTexts], list[LeftOut]]:
    texts: dict[str, LabelTexts] = {}
    left_out = []
    for name in table.columns:
        if name in ignored:
            continue
        try:
            found = sort_labels(table[name], f"column {name!r}")
        except DataError as error:
            left_out.append(LeftOut(name, str(error)))
            continue
        if _identifies_rows(found):
            left_out.append(LeftOut(name, "a different whole number in every row, as in an identifier"))
        else:
            texts[name] = found
    return texts, left_out


def _identifies_rows(texts: LabelTexts) -> bool:
    numbers = texts.numbers
    whole = not np.isnan(numbers).any() and bool((numbers == np.round(numbers)).all())
    return whole and len(np.unique(numbers)) == len(numbers) > 2


def _values(texts: dict[str, LabelTexts], reading: Reading, path: Path) -> tuple[TaskKind, Labels]:
    """Kind and numbers of the columns, float32 [rows, tasks]."""
    if not texts:
        raise DataError(f"{path}: no column holds labels; a task is a column of numbers, or of 0 and 1")
    classes = [name for name, found in texts.items() if found.classes]
    if classes and reading.threshold is None and len(classes) < len(texts):
        other = next(name for name in texts if name not in classes)
        raise DataError(
            f"{path}: column {classes[0]!r} holds two classes, but {other!r} does not; make classes of the "
            "numbers with --threshold, or leave one kind out with --ignore"
        )
    kind: TaskKind = "classification" if classes and reading.threshold is None else "regression"
    columns = [_of_classes(found) if kind == "classification" else found.numbers for found in texts.values()]
    values = np.stack(columns, axis=1)
    if reading.negative_log is not None:
        values = -np.log10(np.where(values > 0, values, np.nan) * reading.negative_log)
    return kind, values.astype(np.float32)


def _of_classes(texts: LabelTexts) -> NDArray[np.float64]:
    labels = np.full(len(texts.numbers), np.nan)
    for number, (_, rows) in enumerate(texts.classes or ()):
        labels[rows] = number
    return labels


def _about_bounds(texts: dict[str, LabelTexts]) -> list[str]:
    bounds = sum(len(found.bounds) for found in texts.values())
    return [f"{bounds:,} labels are bounds, such as >10, and count as missing"] if bounds else []


def _measured_enough(data: TransferData, fewest: int) -> TransferData:
    """Without the tasks of too few labels."""
    reasons = {
        task: _too_few(column, data.kind) for task, column in zip(data.tasks, data.labels.T, strict=True)
    }
    kept = [t for t, task in enumerate(data.tasks) if not reasons[task]]
    if len(kept) < fewest:
        why = next((f"; {task!r} has {reason}" for task, reason in reasons.items() if reason), "")
        needed = "two at least are needed to help each other" if fewest > 1 else "one is needed"
        raise DataError(f"{data.source}: {len(kept)} task(s) of enough labels, and {needed}{why}")
    return data.keep(kept, reasons)


def _too_few(column: Labels, kind: TaskKind) -> str:
    present = column[~np.isnan(column)]
    if len(present) < FEWEST_LABELS:
        return f"{len(present)} labels; {FEWEST_LABELS} are needed"
    if len(np.unique(present)) < 2:
        return "one class only" if kind == "classification" else "one value only"
    if (
        kind == "classification"
        and (rarer := int(min((present == 0).sum(), (present == 1).sum()))) < FEWEST_OF_A_CLASS
    ):
        return f"{rarer} labels of the rarer class; {FEWEST_OF_A_CLASS} are needed"
    return ""
