"""Tables of molecules, read in pieces: whatever the format, rows of text and the column that holds SMILES."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.smiles_column import SAMPLE, find_smiles_column, guess_smiles_column
from molweight.molecules.tables.delimited import read_delimited
from molweight.molecules.tables.jsonl import read_jsonl
from molweight.molecules.tables.lines import Layout, Row, kind_of
from molweight.molecules.tables.parquet import read_parquet
from molweight.molecules.tables.sdf import read_sdf
from molweight.molecules.tables.smi import SMI, read_smi

_MOST_TEXT = 1 << 25  # characters of a chunk: rows of long values come in smaller ones

_READERS: dict[str, Callable[[Path], Layout]] = {
    ".csv": lambda path: read_delimited(path, ".csv"),
    ".tsv": lambda path: read_delimited(path, ".tsv"),
    ".smi": read_smi,
    ".txt": read_smi,
    ".sdf": read_sdf,
    ".parquet": read_parquet,
    ".jsonl": read_jsonl,
}


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows.

    Attributes:
        first_row: number of the first, from 0.
        table: all columns as strings exactly as written, empty where the file has none.
        smiles: of each row; empty where there is none.
        unreadable: why a row of the file has no SMILES, by row, where the format itself was at fault.
    """

    first_row: int
    table: pd.DataFrame
    smiles: list[str]
    unreadable: dict[int, str]


@dataclass(frozen=True)
class MoleculeFile:
    """A table of molecules that is open for reading; it can be gone through once.

    Attributes:
        path: of the file.
        columns: their names.
        smiles_column: the one that holds SMILES.
        guessed: a sentence that says how it was found, empty where it was named or the format says it.
        rows: how many there are at most, where that can be told beforehand.
        chunks: the rows.
    """

    path: Path
    columns: tuple[str, ...]
    smiles_column: str
    guessed: str
    rows: int | None
    chunks: Iterator[Chunk]

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks


def open_molecules(path: Path, smiles_column: str | None = None, chunk: int = 2_000) -> MoleculeFile:
    """Open a table of molecules to go through it at bounded memory, each row once and in order.

    The suffix says the format: .csv, .tsv, .smi, .txt, .sdf or .jsonl, gzipped or not, or .parquet;
    standard input, of the path -, is CSV. In .smi and .txt files the first column holds the SMILES, and in
    .sdf files they are made from the mol blocks unless a property is named for them.

    Args:
        path: of the file, or - for standard input.
        smiles_column: column of the SMILES; found by its name or by what it holds where left out.
        chunk: rows to a piece at most.

    Raises:
        DataError: if the file is missing, empty, or not what its suffix says, or has no such column;
            while rows are read, if a later part of it is at fault. The text says where and the remedy.
    """
    layout, first = open_layout(path, tuple(_READERS))
    column, guessed = _smiles_column(layout, first, kind_of(path), path, smiles_column)
    chunks = _chunks(layout, column, chunk)
    return MoleculeFile(path, layout.columns, column, guessed, layout.count, chunks)


def open_layout(path: Path, kinds: Sequence[str]) -> tuple[Layout, pd.DataFrame]:
    """A table of one of these kinds, with all its rows still to come, and its first rows to look at.

    Raises:
        DataError: if the file is missing, empty, or not what its suffix says.
    """
    kind = kind_of(path)
    if kind not in kinds:
        raise DataError(f"{path}: unknown kind of file; {', '.join(kinds)} are read: save it as one of these")
    layout = _READERS[kind](path)
    first = _piece(layout.rows, SAMPLE)
    if not first:
        raise DataError(f"{path}: no row below the header")
    return replace(layout, rows=chain(first, layout.rows)), _table(first, layout.columns)


def tables_of(layout: Layout, most: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """The rows in pieces of so many at most: the number of the first, from 0, and the table."""
    for first, piece in _pieces(layout, most):
        yield first, _table(piece, layout.columns)


def _smiles_column(
    layout: Layout, sample: pd.DataFrame, kind: str, path: Path, wanted: str | None
) -> tuple[str, str]:
    if layout.smiles_column is not None and (wanted is None or kind in SMI):
        return layout.smiles_column, ""
    if wanted is not None:
        return find_smiles_column(layout.columns, path, wanted), ""
    return guess_smiles_column(sample, path)


def _chunks(layout: Layout, smiles_column: str, chunk: int) -> Iterator[Chunk]:
    for first, piece in _pieces(layout, chunk):
        table = _table(piece, layout.columns)
        unreadable = {row: reason for row, (_, reason) in enumerate(piece, first) if reason}
        yield Chunk(first, table, table[smiles_column].tolist(), unreadable)


def _pieces(layout: Layout, most: int) -> Iterator[tuple[int, list[Row]]]:
    first = 0
    while piece := _piece(layout.rows, most):
        yield first, piece
        first += len(piece)


def _piece(rows: Iterator[Row], most: int) -> list[Row]:
    piece: list[Row] = []
    size = 0
    while len(piece) < most and size < _MOST_TEXT and (row := next(rows, None)):
        piece.append(row)
        size += sum(map(len, row[0]))
    return piece


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([values for values, _ in rows], columns=list(columns), dtype=str)
