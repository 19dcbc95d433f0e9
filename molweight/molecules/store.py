"""Featurised molecules in one Arrow IPC file, memory-mapped into torch without a copy."""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from molweight.errors import DataError
from molweight.molecules.flat_graphs import FlatGraphs, Rejected

FORMAT = "molweight-store-1"
CHUNK = 2_000  # molecules per unit of work: under a second of one worker
_ATOM = pa.struct([("type", pa.uint8()), ("chirality", pa.uint8()), ("degree", pa.uint8())])
_ENTRY = pa.struct([("neighbour", pa.int16()), ("bond", pa.uint8())])
_SCHEMA = pa.schema([("row", pa.int64()), ("atoms", pa.list_(_ATOM)), ("bonds", pa.list_(_ENTRY))])

Progress = Callable[[int, int | None], None]  # molecules done, molecules in all if known


@dataclass(frozen=True)
class Store:
    """Graphs of a whole data set as flat tensors (see `FlatGraphs`), on one device.

    Molecule m owns atoms `atom_offsets[m]` to `atom_offsets[m + 1]`, likewise for bond entries.
    """

    rows: Tensor  # [molecules] int64, row of the input file
    atom_offsets: Tensor  # [molecules + 1] int32
    entry_offsets: Tensor  # [molecules + 1] int32
    atom_type: Tensor  # [atoms] uint8
    chirality: Tensor  # [atoms] uint8
    degree: Tensor  # [atoms] uint8
    neighbour: Tensor  # [entries] int16, counted within the molecule
    bond: Tensor  # [entries] uint8, type x 3 + direction
    rejected: tuple[Rejected, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.rows.device

    def to(self, device: torch.device | str) -> "Store":
        """The same store on another device."""
        moved: dict[str, Any] = {n: v.to(device) for n, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)


def store_from_smiles(texts: Sequence[object]) -> Store:
    """Featurise in memory, in this process; for small inputs.

    Raises:
        DataError: if no text is a molecule.
    """
    from molweight.molecules.featurize import featurize_smiles  # RDKit is needed only to build a store

    return _store_from_table(_table(featurize_smiles(texts)))


def build_store(
    texts: Iterable[object], path: Path, workers: int | None = None, progress: Progress | None = None
) -> Store:
    """Featurise in parallel into an Arrow IPC file and open it.

    The file appears under its name only when complete; memory holds a few chunks at a time and, at the
    end, the featurised data once (about 240 bytes a molecule).

    Args:
        texts: SMILES; may be a generator.
        path: file to write.
        workers: processes; all cores by default.
        progress: called with the number of molecules done and the total where it is known.

    Raises:
        DataError: if no text is a molecule.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    total = len(texts) if isinstance(texts, Sequence) else None
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        parts, complete = Path(folder) / "parts.arrow", Path(folder) / "complete.arrow"
        rejected = _write_parts(_featurized(texts, total, workers), parts, progress, total)
        with pa.memory_map(str(parts)) as source:
            table = pa.ipc.open_file(source).read_all().combine_chunks()
            _write(table.replace_schema_metadata(_metadata(rejected)), complete)
        os.replace(complete, path)
    return open_store(path)


def open_store(path: Path) -> Store:
    """Map a store file into memory; nothing is read until it is used.

    Raises:
        DataError: if the file is missing, is not a store, or was written in another format.
    """
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError:
        raise DataError(f"{path}: no such store") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a molecule store ({error}); delete it and build it again") from None
    return _store_from_table(table, str(path))


def cached_store(
    texts: Sequence[object], folder: Path, workers: int | None = None, progress: Progress | None = None
) -> Store:
    """Open the store of these very SMILES in a cache folder, building it first where there is none."""
    digest = sha256(FORMAT.encode())
    for text in texts:
        digest.update(f"{text!r}\n".encode())  # repr, or a line break in a text would end it
    path = folder / f"{digest.hexdigest()[:24]}.arrow"
    return open_store(path) if path.exists() else build_store(texts, path, workers, progress)


def _featurized(texts: Iterable[object], total: int | None, workers: int | None) -> Iterator[FlatGraphs]:
    from molweight.molecules.featurize import featurize_smiles

    if total is not None and total <= CHUNK:
        workers = 1  # starting processes would take longer than the work
    source = iter(texts)
    chunks = enumerate(iter(lambda: list(islice(source, CHUNK)), []))
    parallel = joblib.Parallel(
        n_jobs=workers or os.cpu_count(), return_as="generator", pre_dispatch="2*n_jobs"
    )
    yield from parallel(joblib.delayed(featurize_smiles)(chunk, i * CHUNK) for i, chunk in chunks)


def _write_parts(
    graphs: Iterable[FlatGraphs], path: Path, progress: Progress | None, total: int | None
) -> list[Rejected]:
    rejected: list[Rejected] = []
    done = 0
    with pa.ipc.new_file(str(path), _SCHEMA) as writer:
        for part in graphs:
            writer.write_table(_table(part).replace_schema_metadata(None))
            rejected += part.rejected
            done += len(part.rows) + len(part.rejected)
            if progress:
                progress(done, total)
    return rejected


def _write(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def _table(graphs: FlatGraphs) -> pa.Table:
    atoms = pa.StructArray.from_arrays(
        [pa.array(graphs.atom_type), pa.array(graphs.chirality), pa.array(graphs.degree)], fields=list(_ATOM)
    )
    entries = pa.StructArray.from_arrays(
        [pa.array(graphs.neighbour), pa.array(graphs.bond)], fields=list(_ENTRY)
    )
    columns = [
        pa.array(graphs.rows),
        pa.ListArray.from_arrays(_offsets(graphs.atoms), atoms),
        pa.ListArray.from_arrays(_offsets(graphs.entries), entries),
    ]
    return pa.table(columns, schema=_SCHEMA.with_metadata(_metadata(graphs.rejected)))


def _metadata(rejected: Iterable[Rejected]) -> dict[str, str]:
    return {"format": FORMAT, "rejected": json.dumps([asdict(r) for r in rejected])}


def _offsets(sizes: np.ndarray) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))


def _store_from_table(table: pa.Table, name: str = "the input") -> Store:
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if metadata.get("format") != FORMAT:
        raise DataError(f"{name}: not a {FORMAT} file; delete it and build it again")
    rejected = tuple(Rejected(**r) for r in json.loads(metadata["rejected"]))
    if table.num_rows == 0:
        example = f" (row {rejected[0].row}: {rejected[0].reason})" if rejected else ""
        raise DataError(
            f"{name}: none of {len(rejected)} rows is a molecule{example}; check the SMILES column"
        )
    rows, atoms, entries = (_single_chunk(column) for column in table.columns)
    return Store(
        rows=_tensor(rows),
        atom_offsets=_tensor(atoms.offsets),
        entry_offsets=_tensor(entries.offsets),
        atom_type=_tensor(atoms.values.field("type")),
        chirality=_tensor(atoms.values.field("chirality")),
        degree=_tensor(atoms.values.field("degree")),
        neighbour=_tensor(entries.values.field("neighbour")),
        bond=_tensor(entries.values.field("bond")),
        rejected=rejected,
    )


def _single_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _tensor(array: pa.Array) -> Tensor:
    with warnings.catch_warnings():
        # the mapped file is read-only, and nothing here writes into a store
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array.to_numpy(zero_copy_only=True))
