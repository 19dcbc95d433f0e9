"""Featurised molecules in one Arrow IPC file, memory-mapped into torch without a copy."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.errors import DataError
from molweight.molecules.flat_graphs import FlatGraphs, Rejected
from molweight.molecules.store_file import FORMAT, Progress, read_table, table_in_memory, write_store

FINGERPRINT_BITS = 2048  # eight of them a byte
CHUNK = 2_000  # molecules per unit of work: under a second of one worker


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
    neighbour: Tensor  # [entries] uint8, or int16 where a molecule has over 256 atoms; counted within it
    bond: Tensor  # [entries] uint8, type x 3 + direction
    rejected: tuple[Rejected, ...] = ()
    descriptors: Tensor | None = None  # [molecules, descriptors] float16, standardised, NaN without value
    fingerprints: Tensor | None = None  # [molecules, 256] uint8, ECFP4 in the order of `numpy.packbits`

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

    return store_of(featurize_smiles(texts))


def store_of(graphs: FlatGraphs) -> Store:
    """A store of graphs in memory.

    Raises:
        DataError: if there is none.
    """
    return _store(table_in_memory(graphs))


def build_store(
    texts: Iterable[object], path: Path, workers: int | None = None, progress: Progress | None = None
) -> Store:
    """Featurise in parallel into an Arrow IPC file and open it.

    The file appears under its name only when complete; memory holds a few chunks at a time, and beside
    them only the rejected rows.

    Args:
        texts: SMILES; may be a generator.
        path: file to write.
        workers: processes; all cores by default.
        progress: called with the number of molecules done and the total where it is known.

    Raises:
        DataError: if no text is a molecule, or if all have more than 2³¹ - 1 atoms or bond entries.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    total = len(texts) if isinstance(texts, Sequence) else None
    write_store(_featurized(texts, total, workers), path, progress, total)
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
    return _store(table, str(path))


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


def _store(table: pa.Table, name: str = "the input") -> Store:
    try:
        columns, rejected = read_table(table)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    if table.num_rows == 0:
        example = f" (row {rejected[0].row}: {rejected[0].reason})" if rejected else ""
        raise DataError(
            f"{name}: none of {len(rejected)} rows is a molecule{example}; check the SMILES column"
        )
    return Store(**{n: _tensor(values) for n, values in columns.items()}, rejected=tuple(rejected))


def _tensor(values: NDArray[Any]) -> Tensor:
    with warnings.catch_warnings():
        # the mapped file is read-only, and nothing here writes into a store
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(values)
