"""Predictions for every row of a table, in its order and at bounded memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.errors import ConfigError, DataError
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import store_of
from molweight.molecules.tables import Chunk, MoleculeFile, Writer
from molweight.screening.model import About, Model, Predicted, nothing

DIGITS = 6  # significant ones of a number that is written
NEAREST, SIMILARITY, INSIDE, PROBLEM = "nearest_smiles", "similarity", "in_domain", "problem"
ROWS = 500  # to a piece: the interval of one molecule looks at every training molecule


class Table(Protocol):
    """A table that is open for reading."""

    @property
    def path(self) -> Path:
        """Of the file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""


@dataclass(frozen=True)
class Counts:
    """Rows that were read, and of them those that are no molecule and those outside the domain."""

    rows: int = 0
    problems: int = 0
    outside: int = 0

    def and_of(self, table: pd.DataFrame) -> "Counts":
        """With the rows of one more predicted piece."""
        problems = int((table[PROBLEM] != "").sum())
        return Counts(
            self.rows + len(table),
            self.problems + problems,
            self.outside + int((table[INSIDE] == "no").sum()),
        )


def added_columns(about: About) -> list[str]:
    """What a prediction adds to a table, in order."""
    return [*molecules_table(about, nothing(about), ()).columns, PROBLEM]


def check_columns(source: Table, added: Sequence[str]) -> None:
    """Refuse a table whose own columns would be overwritten.

    Raises:
        DataError: if it has one of the columns that are added.
    """
    taken = [name for name in added if name in source.columns]
    if taken:
        raise DataError(f"{source.path}: has a column {taken[0]!r} already; rename or remove it")


def predict_table(
    model: Model,
    source: MoleculeFile,
    writer: Writer,
    coverage: float,
    advance: Callable[[int, int | None, str], None] = lambda done, total, remark: None,
) -> Counts:
    """Write every row of a table with its prediction; rows that are no molecule stay, with the reason.

    Args:
        model: what predicts.
        source: open for reading.
        writer: of the columns of the source and those that are added.
        coverage: of intervals and sets.
        advance: takes rows done, rows in all where known, and a remark.

    Raises:
        ConfigError: if the coverage cannot be.
        DataError: if a part of the table cannot be read or written.
    """
    check_coverage(coverage)
    counts = Counts()
    for chunk in source:
        for start in range(0, len(chunk.table), ROWS):
            table = predict_chunk(model, chunk, slice(start, start + ROWS), coverage)
            writer.write(table)
            counts = counts.and_of(table)
            advance(counts.rows, source.rows, "")
    return counts


def check_coverage(coverage: float) -> None:
    """Refuse a coverage that no interval can be made for.

    Raises:
        ConfigError: unless it is from 0.5 to below 1.
    """
    if not 0.5 <= coverage < 1:
        raise ConfigError(f"--coverage must be from 0.5 to below 1, got {coverage}; 0.9 is usual")


def predict_chunk(model: Model, chunk: Chunk, part: slice, coverage: float) -> pd.DataFrame:
    """A part of a chunk with the added columns."""
    table = chunk.table.iloc[part].reset_index(drop=True)
    first = chunk.first_row + part.start
    kept, predicted, reasons = predict_smiles(model, chunk.smiles[part], coverage)
    reasons |= {row - first: reason for row, reason in chunk.unreadable.items()}
    added = molecules_table(model.about, predicted, model.smiles).set_axis(kept).reindex(table.index)
    added[PROBLEM] = [reasons.get(place, "") for place in table.index]
    texts = added.select_dtypes(exclude="number").columns
    added[texts] = added[texts].fillna("")
    return pd.concat([table, added], axis=1)


def predict_smiles(
    model: Model, texts: list[str], coverage: float
) -> tuple[NDArray[np.int64], Predicted, dict[int, str]]:
    """Places of the texts that are molecules, their predictions, and what is wrong with the others."""
    graphs = featurize_smiles(texts)
    reasons = {rejected.row: rejected.reason for rejected in graphs.rejected}
    if not len(graphs.rows):
        return graphs.rows, nothing(model.about), reasons
    smiles = [texts[row] for row in graphs.rows]
    return graphs.rows, model.predict(smiles, store_of(graphs), coverage), reasons


def molecules_table(about: About, predicted: Predicted, smiles: Sequence[str]) -> pd.DataFrame:
    """A row for each molecule: what is predicted of it, and the nearest training molecule.

    Args:
        about: the model.
        predicted: its predictions.
        smiles: of the training molecules.
    """
    columns: dict[str, object] = {}
    for number, task in enumerate(about.tasks):
        value = "probability" if predicted.sets is not None else "prediction"
        columns[f"{value}_{task}"] = significant(predicted.value[:, number])
        columns[f"std_{task}"] = significant(predicted.spread[:, number])
        if predicted.sets is not None:
            columns[f"set_{task}"] = _sets(predicted.sets[:, number], about.classes[number])
        if predicted.lower is not None and predicted.upper is not None:
            columns[f"lower_{task}"] = significant(predicted.lower[:, number])
            columns[f"upper_{task}"] = significant(predicted.upper[:, number])
    found = predicted.neighbours
    columns[NEAREST] = _texts(smiles[i] for i in found.index)
    columns[SIMILARITY] = significant(found.similarity)
    columns[INSIDE] = _texts("yes" if inside else "no" for inside in found.inside)
    return pd.DataFrame(columns)


def _sets(members: NDArray[np.bool_], classes: tuple[str, str]) -> "pd.Series[str]":
    """Names of the classes of each set, with a bar between two; nothing for the empty set."""
    named = ([name for name, inside in zip(classes, row, strict=True) if inside] for row in members)
    return _texts(map("|".join, named))


def _texts(values: Iterable[str]) -> "pd.Series[str]":
    return pd.Series(list(values), dtype=object)


def significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers rounded to so many significant digits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        unit = 10.0 ** np.where(np.isfinite(places), places, 0.0)
    return np.where(np.isfinite(values), np.round(values * unit) / unit, values)
