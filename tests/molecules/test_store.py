import pytest
import torch

from molweight.errors import DataError
from molweight.molecules.store import build_store, cached_store, open_store, store_from_smiles

FIELDS = ("rows", "atom_offsets", "entry_offsets", "atom_type", "chirality", "degree", "neighbour", "bond")
SMILES = ["CCO", "C1CC", "c1ccccc1", "[Na+].[Cl-]", "", "C"]


def same(a, b) -> bool:
    return a.rejected == b.rejected and all(torch.equal(getattr(a, f), getattr(b, f)) for f in FIELDS)


def test_file_and_memory_agree(tmp_path):
    built = build_store(SMILES, tmp_path / "s.arrow")
    assert same(built, store_from_smiles(SMILES))
    assert same(built, open_store(tmp_path / "s.arrow"))
    assert built.rows.tolist() == [0, 2, 3, 5]
    assert [r.row for r in built.rejected] == [1, 4]


def test_many_chunks_in_parallel_keep_rows_in_order(tmp_path):
    smiles = [f"{'C' * (1 + i % 7)}O" if i % 11 else "bad" for i in range(4_500)]
    seen = []
    store = build_store(iter(smiles), tmp_path / "s.arrow", 2, lambda done, total: seen.append((done, total)))
    assert store.rows.tolist() == [i for i in range(4_500) if i % 11]
    assert store.atom_offsets.diff().tolist() == [2 + i % 7 for i in range(4_500) if i % 11]
    assert [r.row for r in store.rejected] == list(range(0, 4_500, 11))
    assert seen == [(2_000, None), (4_000, None), (4_500, None)]


def test_cached_store_is_built_once(tmp_path):
    first = cached_store(SMILES, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    assert same(first, cached_store(SMILES, tmp_path))
    assert path.stat().st_mtime_ns == before
    cached_store(SMILES[:3], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_build_leaves_nothing(tmp_path):
    def broken():
        yield from ["C"] * 10
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        build_store(broken(), tmp_path / "s.arrow", 1)
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_bad_rows_is_an_error():
    with pytest.raises(DataError, match=r"none of 2 rows is a molecule \(row 0: not valid SMILES\)"):
        store_from_smiles(["C1CC", ""])


def test_other_files_are_no_stores(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="not a molecule store"):
        open_store(tmp_path / "text")
    with pytest.raises(DataError, match="no such store"):
        open_store(tmp_path / "nothing")


def test_bytes_per_molecule(data_folder, tmp_path):
    import pandas as pd

    smiles = pd.read_csv(data_folder / "moleculenet" / "bbbp.csv.gz")["smiles"].tolist()
    store = build_store(smiles, tmp_path / "s.arrow")
    assert len(store) == 2039
    assert (tmp_path / "s.arrow").stat().st_size / len(store) < 250
