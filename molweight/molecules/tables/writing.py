"""Tables of molecules, written in pieces: complete, or not there at all."""

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from molweight.errors import ConfigError, DataError
from molweight.molecules.smiles_column import find_smiles_column
from molweight.molecules.tables.delimited import DELIMITERS, write_delimited
from molweight.molecules.tables.jsonl import write_jsonl
from molweight.molecules.tables.lines import STANDARD_STREAM, kind_of
from molweight.molecules.tables.parquet import parquet_schema
from molweight.molecules.tables.sdf import write_sdf
from molweight.molecules.tables.smi import SMI, write_smi
from molweight.paths import replacing

KINDS = (*DELIMITERS, *SMI, ".sdf", ".parquet", ".jsonl")


@dataclass(frozen=True)
class Writer:
    """Takes the rows of a table piece by piece.

    Attributes:
        path: of the file that is written.
        columns: that every piece must have; others are left out.
        append: writes a piece with its columns in this order.
    """

    path: Path
    columns: tuple[str, ...]
    append: Callable[[pd.DataFrame], None]

    def write(self, table: pd.DataFrame) -> None:
        """Append rows.

        Raises:
            DataError: if the disk is full or standard output closed.
        """
        with _told(self.path):
            self.append(table[list(self.columns)])


@contextmanager
def table_writer(
    path: Path, columns: Sequence[str], overwrite: bool = False, smiles_column: str | None = None
) -> Iterator[Writer]:
    """Write a table in the format that the suffix says, at bounded memory.

    The file appears under its name once everything is written: a full disk, an interrupt or an exception
    leaves what was there before. Formats are those of `open_molecules`; to standard output, of the path
    -, goes CSV. .smi has the SMILES first and a header that begins with #; .sdf has a drawn molecule, or
    none where the row is no molecule, and every column as a property; .jsonl has an object for each row;
    .parquet has numbers where the first piece has them, and text.

    Args:
        path: of the file, or - for standard output.
        columns: of the table, in order.
        overwrite: replace a file that is there.
        smiles_column: the one that holds SMILES, for .smi and .sdf; found by its name where left out.

    Raises:
        ConfigError: if the file is there and not to be replaced, or its suffix is unknown.
        DataError: if no column holds SMILES where one is needed, or the file cannot be written.
    """
    kind = _check(path, overwrite)
    if kind in SMI or kind == ".sdf":
        smiles_column = find_smiles_column(columns, path, smiles_column)
    with _target(path) as target, _finishing(path) as closing:
        with _told(path):
            append = _appender(path, target, columns, smiles_column or "", closing)
        yield Writer(path, tuple(columns), append)


def _check(path: Path, overwrite: bool) -> str:
    kind = kind_of(path)
    if kind not in KINDS:
        raise ConfigError(
            f"{path}: unknown kind of file; {', '.join(KINDS)} are written: name it as one of these"
        )
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists; give --overwrite to replace it, or another name")
    return kind


@contextmanager
def _target(path: Path) -> Iterator[Path]:
    if path == STANDARD_STREAM:
        yield path
        return
    with ExitStack() as closing:
        with _told(path):
            target = closing.enter_context(replacing(path))
        yield target


@contextmanager
def _finishing(path: Path) -> Iterator[ExitStack]:
    """Closes what is entered; after an error, which may well come up again, without a further one."""
    closing = ExitStack()
    try:
        yield closing
    except BaseException:
        with suppress(OSError):
            closing.close()
        raise
    with _told(path):
        closing.close()


def _appender(
    path: Path, target: Path, columns: Sequence[str], smiles_column: str, closing: ExitStack
) -> Callable[[pd.DataFrame], None]:
    kind = kind_of(path)
    if kind == ".parquet":
        return closing.enter_context(_parquet(target, columns))
    compressed = path.suffix.lower() == ".gz"
    file = closing.enter_context(_standard_output() if path == STANDARD_STREAM else _text(target, compressed))
    if kind == ".jsonl":
        return partial(write_jsonl, file=file)
    if kind == ".sdf":
        return partial(write_sdf, file=file, smiles_column=smiles_column)
    append: Callable[..., None] = (
        partial(write_delimited, file=file, kind=kind)
        if kind in DELIMITERS
        else partial(write_smi, file=file, smiles_column=smiles_column)
    )
    append(pd.DataFrame(columns=list(columns)), header=True)
    return partial(append, header=False)


@contextmanager
def _text(target: Path, compressed: bool) -> Iterator[IO[str]]:
    with ExitStack() as closing:
        raw: Any = closing.enter_context(open(target, "wb"))
        if compressed:
            # without name and time, so that the same rows give the same bytes
            raw = closing.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
        yield closing.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline=""))


@contextmanager
def _standard_output() -> Iterator[IO[str]]:
    text = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield text
        with _told(STANDARD_STREAM):
            text.flush()
    finally:
        text.detach()  # else it would close standard output


@contextmanager
def _parquet(target: Path, columns: Sequence[str]) -> Iterator[Callable[[pd.DataFrame], None]]:
    with ExitStack() as closing:
        writers: list[pq.ParquetWriter] = []  # one, once the first piece has told the types

        def append(table: pd.DataFrame) -> None:
            if not writers:
                writers.append(
                    closing.enter_context(pq.ParquetWriter(target, parquet_schema(table, columns)))
                )
            writers[0].write_table(pa.Table.from_pandas(table, writers[0].schema, preserve_index=False))

        yield append
        if not writers:
            append(pd.DataFrame({c: [] for c in columns}, dtype=str))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if path == STANDARD_STREAM:
            _drop_output()
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def _drop_output() -> None:
    """Else the interpreter would fail once more as it flushes on its way out."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
