"""SMI: a SMILES at the start of each line, then its name, or columns separated by tabs below a header."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.smiles_column import named_like_smiles
from molweight.molecules.tables.lines import Layout, Row, count_rows, text_lines

SMI = (".smi", ".txt")
_BREAKS = re.compile(r"[\t\r\n]")


def read_smi(path: Path) -> Layout:
    """The table of a .smi file; its first column holds the SMILES. Blank lines are no rows.

    A first line that begins with # or is named like a column of SMILES is a header, or a remark if it
    begins with # and has words but no tabs. Below a header with tabs, columns are separated by tabs;
    else they are the SMILES and, as `name`, the rest of the line.

    Raises:
        DataError: if the file is empty; while rows are read, if a line below a header has too many columns.
    """
    lines = enumerate(text_lines(path), 1)
    number, first = next(((n, line) for n, line in lines if line.strip()), (0, ""))
    if not first:
        raise DataError(f"{path}: the file is empty")
    words = first.split(maxsplit=1)
    if "," in words[0] or ";" in words[0]:
        raise DataError(f"{path}: it seems to be a CSV file; name it .csv")
    if columns := _header(first):
        if len(set(columns)) < len(columns):
            raise DataError(f"{path}: two columns have the same name; give each a name of its own")
        return Layout(columns, _tabbed(lines, len(columns), path), columns[0], count_rows(path))
    titled = named_like_smiles(words[0])
    rest = lines if titled or first.startswith("#") else chain([(number, first)], lines)
    name = words[1].strip() if titled and len(words) > 1 else "name"
    smiles = words[0] if titled else "smiles"
    return Layout((smiles, name), _named(rest), smiles, count_rows(path))


def write_smi(table: pd.DataFrame, file: IO[Any], smiles_column: str, header: bool) -> None:
    """Append rows, SMILES first; tabs and line breaks within a value become spaces."""
    columns = [smiles_column, *(c for c in table.columns if c != smiles_column)]
    if header:
        file.write("#" + "\t".join(_BREAKS.sub(" ", c) for c in columns) + "\n")
    texts = [_as_texts(table[c]) for c in columns]
    file.writelines(
        "\t".join(_BREAKS.sub(" ", value) for value in row) + "\n" for row in zip(*texts, strict=True)
    )


def _as_texts(column: "pd.Series[Any]") -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in column]


def _header(line: str) -> tuple[str, ...] | None:
    text = line.rstrip("\r\n")
    cells = tuple(text.removeprefix("#").split("\t"))
    if text.startswith("#"):
        return cells if len(cells) > 1 or len(text.split()) == 1 else None
    return cells if len(cells) > 1 and named_like_smiles(cells[0]) else None


def _named(lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
    for _, line in lines:
        if words := line.strip().split(maxsplit=1):
            yield [*words, ""][:2], ""


def _tabbed(lines: Iterator[tuple[int, str]], columns: int, path: Path) -> Iterator[Row]:
    for number, line in lines:
        values = line.rstrip("\r\n").split("\t")
        if len(values) > columns:
            raise DataError(
                f"{path}: line {number} has {len(values)} values, but there are {columns} columns"
            )
        if values != [""] or columns == 1:
            yield values + [""] * (columns - len(values)), ""
