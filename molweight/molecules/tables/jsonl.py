"""JSON lines: an object for each row, whose keys are the columns."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from molweight.errors import DataError
from molweight.molecules.tables.lines import Layout, Row, text_lines


def read_jsonl(path: Path) -> Layout:
    """The table of a .jsonl file; the keys of its first object are the columns. Blank lines are no rows.

    Numbers are the texts they are written as, null is empty, and lists and objects are their JSON.

    Raises:
        DataError: if the file is empty; while rows are read, if a line is no object or has a key that the
            first has not.
    """
    objects = _objects(path)
    first = next(objects, None)
    if first is None:
        raise DataError(f"{path}: the file is empty")
    columns = tuple(first[1])
    if not columns:
        raise DataError(f"{path}: line {first[0]} has no keys, which are to name the columns")
    return Layout(columns, _rows(first, objects, columns, path))


def write_jsonl(table: pd.DataFrame, file: IO[Any]) -> None:
    """Append rows; what is no finite number is null."""
    for record in table.to_dict("records"):
        finite = {key: None if _no_number(value) else value for key, value in record.items()}
        file.write(json.dumps(finite, ensure_ascii=False) + "\n")


def _no_number(value: object) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, parse_float=str, parse_int=str)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{path}: line {number} is not JSON ({error}); correct or remove it") from None
        if not isinstance(found, dict):
            raise DataError(f"{path}: line {number} is not a JSON object; correct or remove it")
        yield number, found


def _rows(
    first: tuple[int, dict[str, Any]],
    others: Iterator[tuple[int, dict[str, Any]]],
    columns: tuple[str, ...],
    path: Path,
) -> Iterator[Row]:
    yield [_text(first[1][column]) for column in columns], ""
    for number, found in others:
        if new := found.keys() - set(columns):
            raise DataError(
                f"{path}: line {number} has a key {min(new)!r} that the first line has not; "
                "give every key in the first line"
            )
        yield [_text(found.get(column)) for column in columns], ""


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
