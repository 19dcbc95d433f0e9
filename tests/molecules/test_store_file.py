import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch

from molweight.errors import DataError
from molweight.molecules import store_file
from molweight.molecules.batch import collate
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.flat_graphs import FlatGraphs
from molweight.molecules.store import build_store, open_store, store_from_smiles
from molweight.molecules.store_file import table_in_memory, write_store

SMILES = ["CCO", "bad", "c1ccccc1", "[Na+].[Cl-]", "C"]

WRITES_MUCH = """
import resource, sys
from pathlib import Path
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store_file import write_store

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

path = Path(sys.argv[1])
part = featurize_smiles(["CC(=O)Nc1ccc(O)cc1" * 10] * 2_000)
write_store([part], path)
before = peak()
write_store((part for _ in range(130)), path)
print(peak() - before, path.stat().st_size // 2**20)
"""


def test_a_file_is_one_record_batch_of_what_memory_would_hold(tmp_path):
    parts = [featurize_smiles(SMILES[:2]), featurize_smiles(SMILES[2:], 2)]
    write_store(parts, tmp_path / "s.arrow")
    with pa.memory_map(str(tmp_path / "s.arrow")) as source:
        file = pa.ipc.open_file(source)
        assert file.num_record_batches == 1
        found = file.read_all()
        found.validate(full=True)
        assert found.equals(table_in_memory(featurize_smiles(SMILES)), check_metadata=True)


@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_make_the_same_file(tmp_path, monkeypatch, piece):
    build_store(SMILES, tmp_path / "whole.arrow")
    monkeypatch.setattr(store_file, "PIECE", piece)
    build_store(SMILES, tmp_path / "pieces.arrow")
    assert (tmp_path / "pieces.arrow").read_bytes() == (tmp_path / "whole.arrow").read_bytes()


def test_an_open_store_lies_in_the_file(tmp_path):
    """Nothing of it is memory of this process."""
    build_store(SMILES, tmp_path / "s.arrow")
    before = pa.total_allocated_bytes()
    store = open_store(tmp_path / "s.arrow")
    assert pa.total_allocated_bytes() == before
    assert not store.bond.numpy().flags.owndata


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(tmp_path):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", WRITES_MUCH, str(tmp_path / "s.arrow")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, size = map(int, result.stdout.split())
    assert size > 180
    assert grown < 70


@pytest.mark.parametrize(("limit", "what"), [(9, "atoms"), (17, "bond entries")])
def test_what_offsets_cannot_number_is_an_error(tmp_path, monkeypatch, limit, what):
    """Ten atoms with 18 bond entries to a ring of nine and methane."""
    texts = ["C1CCCCCCCC1", "C"]
    monkeypatch.setattr(store_file, "LARGEST_OFFSET", 18)
    assert len(build_store(texts, tmp_path / "s.arrow")) == 2
    monkeypatch.setattr(store_file, "LARGEST_OFFSET", limit)
    with pytest.raises(DataError, match=f"more than {limit} {what} in one store; split the molecules"):
        build_store(texts, tmp_path / "t.arrow")
    with pytest.raises(DataError, match=f"more than {limit} {what} in one store"):
        store_from_smiles(texts)
    assert [path.name for path in tmp_path.iterdir()] == ["s.arrow"]


def test_offsets_run_past_the_chunk_that_fits_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(store_file, "LARGEST_OFFSET", 5)
    part = featurize_smiles(["CCC"])
    with pytest.raises(DataError, match="more than 5 atoms"):
        write_store([part, part], tmp_path / "s.arrow")


def test_sizes_are_added_up_without_wrapping_around():
    """A chunk of so many atoms would not fit into memory here, but its sizes do."""
    none = np.zeros(0, np.uint8)
    huge = np.array([2**30, 2**30], np.int32)
    graphs = FlatGraphs(np.arange(2), huge, huge * 0, none, none, none, none.astype(np.int16), none, [])
    with pytest.raises(DataError, match="more than 2147483647 atoms"):
        table_in_memory(graphs)


@pytest.mark.parametrize(("atoms", "dtype"), [(20, torch.uint8), (256, torch.uint8), (257, torch.int16)])
def test_neighbours_take_one_byte_where_no_molecule_is_too_large(atoms, dtype, tmp_path):
    texts = ["CCO", "C" * atoms, "c1ccccc1"]
    stores = build_store(texts, tmp_path / "store.arrow", workers=1), store_from_smiles(texts)
    for store in stores:
        assert store.neighbour.dtype == dtype
        assert store.neighbour.max() == atoms - 1
        batch = collate(store, torch.arange(3))
        loops = batch.neighbour == batch.receiver
        assert int(loops.sum()) == batch.atoms
        assert int((~loops).sum()) == len(store.neighbour)
        assert (batch.molecule[batch.neighbour] == batch.molecule[batch.receiver]).all()
    assert stores[0].neighbour.tolist() == stores[1].neighbour.tolist()
