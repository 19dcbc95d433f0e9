"""A store's file: written column by column, so that memory holds a few chunks however many there are."""

import json
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.molecules.flat_graphs import FlatGraphs, Rejected

FORMAT = "molweight-store-2"
LARGEST_OFFSET = 2**31 - 1  # offsets are signed 32-bit numbers
PIECE = 1 << 24  # bytes of a column in memory at a time
_ATOM = pa.struct([("type", pa.uint8()), ("chirality", pa.uint8()), ("degree", pa.uint8())])
NARROW = 256  # atoms of a molecule up to which a neighbour's number fits one byte
COLUMNS = ("rows", "atom_offsets", "entry_offsets", "atom_type", "chirality", "degree", "neighbour", "bond")

Progress = Callable[[int, int | None], None]  # molecules done, molecules in all if known


def write_store(
    parts: Iterable[FlatGraphs], path: Path, progress: Progress | None = None, total: int | None = None
) -> None:
    """Write graphs end to end into one record batch; the file appears only when it is complete.

    Raises:
        DataError: if there are more atoms or bonds than a store can number.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        rejected = _write_columns(parts, Path(folder), progress, total)
        _narrow_file(Path(folder) / "neighbour")
        maps = {name: _map(Path(folder) / name) for name in COLUMNS}
        complete = Path(folder) / "complete.arrow"
        with open(complete, "wb") as file:
            _write_batch(_batch(maps, rejected), _PieceWise(file, maps.values()))
        os.replace(complete, path)


def table_in_memory(graphs: FlatGraphs) -> pa.Table:
    """What a file of these graphs would hold."""
    columns = {name: np.ascontiguousarray(values) for name, values in _columns(graphs, 0, 0)}
    columns |= {name: np.concatenate([_ZERO, columns[name]]) for name in ("atom_offsets", "entry_offsets")}
    if graphs.neighbour.max(initial=0) < NARROW:
        columns["neighbour"] = graphs.neighbour.astype(np.uint8)
    return pa.Table.from_batches([_batch(columns, graphs.rejected)])


def read_table(table: pa.Table) -> tuple[dict[str, NDArray[Any]], list[Rejected]]:
    """The columns by name, without a copy, and the rejected rows.

    Raises:
        DataError: if this is no store of the present format.
    """
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if metadata.get("format") != FORMAT:
        raise DataError(f"not a {FORMAT} file; delete it and build it again")
    rows, atoms, entries = (_single_chunk(column) for column in table.columns)
    arrays = [rows, atoms.offsets, entries.offsets]
    arrays += [atoms.values.field(n) for n in range(3)] + [entries.values.field(n) for n in range(2)]
    columns = {n: a.to_numpy(zero_copy_only=True) for n, a in zip(COLUMNS, arrays, strict=True)}
    return columns, [Rejected(**r) for r in json.loads(metadata["rejected"])]


def _write_columns(
    parts: Iterable[FlatGraphs], folder: Path, progress: Progress | None, total: int | None
) -> list[Rejected]:
    rejected: list[Rejected] = []
    done = atoms = entries = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context(open(folder / name, "wb")) for name in COLUMNS}
        for name in ("atom_offsets", "entry_offsets"):
            files[name].write(_ZERO.tobytes())
        for part in parts:
            for name, values in _columns(part, atoms, entries):
                files[name].write(values.tobytes())
            rejected += part.rejected
            atoms, entries = atoms + len(part.atom_type), entries + len(part.neighbour)
            done += len(part.rows) + len(part.rejected)
            if progress:
                progress(done, total)
    return rejected


_ZERO = np.zeros(1, np.int32)


def _columns(graphs: FlatGraphs, atoms: int, entries: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Those of `COLUMNS`, behind so many atoms and entries; offsets without the first."""
    for name in COLUMNS:
        if name == "atom_offsets":
            yield name, _offsets(graphs.atoms, atoms, "atoms")
        elif name == "entry_offsets":
            yield name, _offsets(graphs.entries, entries, "bond entries")
        else:
            yield name, getattr(graphs, name)


def _offsets(sizes: NDArray[np.int32], before: int, what: str) -> NDArray[np.int32]:
    offsets = before + np.cumsum(sizes, dtype=np.int64)
    if len(offsets) and offsets[-1] > LARGEST_OFFSET:
        raise DataError(
            f"more than {LARGEST_OFFSET} {what} in one store; split the molecules between several stores"
        )
    return offsets.astype(np.int32)


def _batch(columns: Mapping[str, Any], rejected: Iterable[Rejected]) -> pa.RecordBatch:
    def array(name: str, kind: pa.DataType) -> pa.Array:
        buffer = pa.py_buffer(columns[name])
        return pa.Array.from_buffers(kind, buffer.size // (kind.bit_width // 8), [None, buffer])

    atom = [array(name, pa.uint8()) for name in ("atom_type", "chirality", "degree")]
    bond = array("bond", pa.uint8())
    one_byte = pa.py_buffer(columns["neighbour"]).size == len(bond)
    entry = [array("neighbour", pa.uint8() if one_byte else pa.int16()), bond]
    entry_kind = pa.struct([("neighbour", entry[0].type), ("bond", bond.type)])
    arrays = {
        "row": array("rows", pa.int64()),
        "atoms": _lists(array("atom_offsets", pa.int32()), atom, _ATOM),
        "bonds": _lists(array("entry_offsets", pa.int32()), entry, entry_kind),
    }
    metadata = {"format": FORMAT, "rejected": json.dumps([asdict(r) for r in rejected])}
    schema = pa.schema([(name, values.type) for name, values in arrays.items()], metadata=metadata)
    return pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema)


def _narrow_file(path: Path) -> None:
    """One byte for each number of a file of 16-bit ones, where all fit, a piece at a time."""

    def pieces() -> Iterator[NDArray[np.int16]]:
        with open(path, "rb") as file:
            while len(piece := np.fromfile(file, np.int16, max(1, PIECE // 2))):
                yield piece

    if all(piece.max() < NARROW for piece in pieces()):
        narrow = path.with_suffix(".narrow")
        with open(narrow, "wb") as file:
            for piece in pieces():
                file.write(piece.astype(np.uint8).tobytes())
        path.unlink()
        narrow.rename(path)


def _lists(offsets: pa.Array, values: list[pa.Array], kind: pa.StructType) -> pa.Array:
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(values, fields=list(kind)))


def _single_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _map(path: Path) -> mmap.mmap | bytes:
    if path.stat().st_size == 0:
        return b""  # which cannot be mapped
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _write_batch(batch: pa.RecordBatch, file: "_PieceWise") -> None:
    with pa.PythonFile(file, "w") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


class _PieceWise:
    """A file for pyarrow that copies a mapped column a piece at a time and lets go of what it has read.

    Mapped pages count as memory of the process until then.
    """

    closed = False

    def __init__(self, file: BinaryIO, maps: Iterable[mmap.mmap | bytes]) -> None:
        self._file = file
        self._maps = [each for each in maps if isinstance(each, mmap.mmap)]

    def write(self, content: Any) -> None:
        whole = memoryview(content)
        for start in range(0, len(whole), PIECE):
            self._file.write(whole[start : start + PIECE])
            self._let_go()

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _let_go(self) -> None:
        for each in self._maps if hasattr(mmap, "MADV_DONTNEED") else ():
            each.madvise(mmap.MADV_DONTNEED)
