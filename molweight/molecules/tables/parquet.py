"""Parquet, read and written in pieces by PyArrow."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from molweight.errors import DataError
from molweight.molecules.tables.lines import Layout, Row

_PIECE = 2_000  # rows


def read_parquet(path: Path) -> Layout:
    """The table of a .parquet file, numbers as the shortest texts that give them back, nulls and NaN empty.

    Raises:
        DataError: if the file is missing or damaged, or a column is neither text nor numbers.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    columns = tuple(file.schema_arrow.names)
    if not columns:
        raise DataError(f"{path}: the file has no columns")
    for column in columns:
        if columns.count(column) > 1:
            raise DataError(f"{path}: two columns are named {column!r}; give each a name of its own")
    return Layout(columns, _rows(file, path), count=file.metadata.num_rows)


def parquet_schema(table: pd.DataFrame, columns: Sequence[str]) -> pa.Schema:
    """Numbers as they are in the frame, everything else as text."""
    kinds = {c: table[c].dtype for c in columns if c in table and pd.api.types.is_numeric_dtype(table[c])}
    return pa.schema([(c, pa.from_numpy_dtype(kinds[c]) if c in kinds else pa.string()) for c in columns])


def _rows(file: pq.ParquetFile, path: Path) -> Iterator[Row]:
    try:
        with file:
            for batch in file.iter_batches(_PIECE):
                texts = [
                    _as_texts(values, name, path)
                    for name, values in zip(batch.schema.names, batch, strict=True)
                ]
                for row in zip(*texts, strict=True):
                    yield row, ""
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())  # of several lines now and then
    return DataError(f"{path}: not a readable Parquet file ({reason})")


def _as_texts(values: pa.Array, column: str, path: Path) -> list[str]:
    try:
        texts = values.cast(pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{path}: column {column!r} is of type {values.type}; leave it out, or save it as text"
        ) from None
    if pa.types.is_floating(values.type):
        return ["" if text is None or text == "nan" else text for text in texts]
    return ["" if text is None else text for text in texts]
