"""CSV and TSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.tables.lines import MAX_LINE, Layout, Row, count_rows, text_lines

DELIMITERS = {".csv": ",", ".tsv": "\t"}
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_REMEDIES = {",": "name it .csv", "\t": "name it .tsv"}

csv.field_size_limit(MAX_LINE)  # the default refuses long values that are to be set aside with a reason


def read_delimited(path: Path, kind: str) -> Layout:
    """The table of a .csv or .tsv file; line breaks within quotes belong to the value.

    Blank lines are no rows, except that in a table of one column those between rows are empty values.

    Args:
        path: of the file, or - for standard input.
        kind: the suffix, without that of gzip.

    Raises:
        DataError: if the file is empty or not such a table; while rows are read, with the line at fault.
    """
    rows = _numbered_rows(path, DELIMITERS[kind])
    _, columns = next(((number, row) for number, row in rows if row), (0, []))
    if not columns:
        raise DataError(f"{path}: the file is empty")
    _check_header(columns, path, DELIMITERS[kind])
    return Layout(tuple(columns), _complete_rows(rows, columns, path), count=count_rows(path))


def write_delimited(table: pd.DataFrame, file: IO[Any], kind: str, header: bool) -> None:
    """Append rows, and before the first the names of the columns."""
    texts = [table[column] for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    returns = any("\r" in str(value) for values in (table.columns, *texts) for value in values)
    quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL  # which leaves carriage returns bare
    table.to_csv(file, sep=DELIMITERS[kind], index=False, header=header, quoting=quoting, lineterminator="\n")


def _numbered_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text_lines(path, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {start}: {error}; is a quotation mark not closed?") from None


def _check_header(columns: Sequence[str], path: Path, delimiter: str) -> None:
    if len(columns) == 1:
        for other, name in _NAMES.items():
            if other != delimiter and other in columns[0]:
                remedy = _REMEDIES.get(other, "save it with commas")
                raise DataError(f"{path}: its columns seem to be separated by {name}; {remedy}")
    for column in columns:
        if columns.count(column) > 1:
            raise DataError(f"{path}: two columns are named {column!r}; give each a name of its own")


def _complete_rows(
    rows: Iterator[tuple[int, list[str]]], columns: Sequence[str], path: Path
) -> Iterator[Row]:
    blank = 0
    for number, row in rows:
        if not row:
            blank += len(columns) == 1
            continue
        yield from [([""], "")] * blank
        blank = 0
        if len(row) != len(columns):
            raise DataError(
                f"{path}: line {number} has {len(row)} values, but there are {len(columns)} columns; "
                "quote values that hold the delimiter"
            )
        yield row, ""
