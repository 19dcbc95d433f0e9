"""Tables of texts, read in pieces: rows of any columns, and those that hold the text and its partner."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.tables.lines import kind_of, text_lines
from molweight.molecules.tables.reading import open_layout, tables_of

KINDS = (".csv", ".tsv", ".jsonl", ".parquet")
CHUNK = 500  # rows
_NAMES = ("text", "sentence", "abstract", "content", "document", "review", "title", "question", "body")
_FEWEST_WORDS = 2.0  # mean of a column, for it to be taken for one of texts by what it holds


@dataclass(frozen=True)
class TextChunk:
    """Some consecutive rows.

    Attributes:
        first_row: number of the first, from 0.
        table: all columns as strings exactly as written.
        texts: of each row.
        pairs: the second texts, or None.
    """

    first_row: int
    table: pd.DataFrame
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None


@dataclass(frozen=True)
class TextFile:
    """A table of texts that is open for reading; it can be gone through once.

    Attributes:
        path: of the file.
        columns: their names.
        text_column: the one that holds the text.
        pair_column: the one that holds its partner, or None.
        guessed: a sentence that says how the text's was found; empty where it was named.
        rows: how many there are, where that is known beforehand.
        chunks: the rows.
    """

    path: Path
    columns: tuple[str, ...]
    text_column: str
    pair_column: str | None
    guessed: str
    rows: int | None
    chunks: Iterator[TextChunk]

    def __iter__(self) -> Iterator[TextChunk]:
        return self.chunks


def open_texts(
    path: Path,
    text_column: str | None = None,
    pair_column: str | None = None,
    others: Sequence[str] = (),
    usual: str | None = None,
) -> TextFile:
    """Open a table of texts to go through it at bounded memory, each row once and in order.

    The suffix says the format: .csv, .tsv or .jsonl, gzipped or not, or .parquet; standard input, of the
    path -, is CSV.

    Args:
        path: of the file, or - for standard input.
        text_column: column of the texts; found by its name or by what it holds where left out.
        pair_column: column of the second text of each row.
        others: columns that are known to hold something else.
        usual: column of the texts if there is one of that name.

    Raises:
        DataError: if the file is missing, empty, or not what its suffix says, or has no such column;
            while rows are read, if a later part of it is at fault.
    """
    layout, sample = open_layout(path, KINDS)
    if pair_column is not None:
        find_column(layout.columns, pair_column, path, "--pair-column")
    guessed = ""
    if text_column is None and usual in layout.columns:
        text_column = usual
    if text_column is None:
        taken = {*others, pair_column}
        text_column, guessed = _guess(sample[[c for c in sample if c not in taken]], path)
    find_column(layout.columns, text_column, path, "--text-column")
    if text_column == pair_column:
        raise DataError(f"{path}: {text_column!r} is asked for as both texts of a pair; name two columns")
    chunks = (
        TextChunk(
            first,
            table,
            tuple(table[text_column]),
            None if pair_column is None else tuple(table[pair_column]),
        )
        for first, table in tables_of(layout, CHUNK)
    )
    return TextFile(path, layout.columns, text_column, pair_column, guessed, layout.count, chunks)


def read_unlabelled(path: Path, text_column: str | None = None) -> list[str]:
    """All texts of a table that are not empty; of a .txt file, its lines.

    Raises:
        DataError: if the file is missing, empty or cannot be read.
    """
    if kind_of(path) == ".txt":
        texts = [line.strip() for line in text_lines(path)]
    else:
        _, sample = open_layout(path, KINDS)
        wanted = text_column if text_column in sample.columns else None
        texts = [text.strip() for chunk in open_texts(path, wanted) for text in chunk.texts]
    return [text for text in texts if text]


def find_column(columns: Sequence[str], wanted: str, path: Path, option: str) -> None:
    """Refuse a column that is not there.

    Raises:
        DataError: if it is missing; the text suggests the nearest.
    """
    if wanted not in columns:
        near = difflib.get_close_matches(wanted, columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, columns[:8]))}"
        raise DataError(f"{path}: no column {wanted!r}; {hint} Give it with {option}")


def _guess(sample: pd.DataFrame, path: Path) -> tuple[str, str]:
    """The column with a usual name, else the one whose texts have the most words."""
    for name in _NAMES:
        for column in sample:
            if column.strip().lower() == name:
                return column, f"{column!r} was taken for the text by its name; --text-column says otherwise."
    words = {column: sample[column].str.split().str.len().mean() for column in sample}
    longest = max(words, key=words.__getitem__, default=None)
    if longest is None or words[longest] < _FEWEST_WORDS:
        raise DataError(f"{path}: no column looks like texts; name it with --text-column")
    told = f"{longest!r} was taken for the text, as it has the most words; --text-column says otherwise."
    return longest, told
