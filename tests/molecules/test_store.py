import pyarrow as pa
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
    assert same(store, store_from_smiles(smiles))


def test_progress_knows_the_total_of_a_list(tmp_path):
    seen = []
    build_store(SMILES, tmp_path / "s.arrow", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(6, 6)]


def test_rejected_rows_come_back_from_the_file(tmp_path):
    build_store(["C", "Ĉ", None, 'quote"\\'], tmp_path / "s.arrow")
    rejected = open_store(tmp_path / "s.arrow").rejected
    assert [(r.row, r.text) for r in rejected] == [(1, "Ĉ"), (2, ""), (3, 'quote"\\')]


def test_awkward_molecules_come_back_from_the_file(awkward, tmp_path):
    smiles = list(awkward.values())
    store = build_store(smiles, tmp_path / "s.arrow")
    assert len(store) == len(smiles)
    assert same(store, store_from_smiles(smiles))


def test_cached_store_is_built_once(tmp_path):
    first = cached_store(SMILES, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    assert same(first, cached_store(SMILES, tmp_path))
    assert path.stat().st_mtime_ns == before
    cached_store(SMILES[:3], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("one", "other"), [(["C\nO"], ["C", "O"]), (["C", None], ["C", "None"])])
def test_lists_that_print_alike_have_stores_of_their_own(tmp_path, one, other):
    for texts in (one, other):
        assert same(cached_store(texts, tmp_path), store_from_smiles(texts))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_build_leaves_nothing(tmp_path):
    def broken():
        yield from ["C"] * 10
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        build_store(broken(), tmp_path / "s.arrow", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_leaves_the_store_before(tmp_path):
    path = tmp_path / "s.arrow"
    before = build_store(SMILES, path)
    with pytest.raises(ZeroDivisionError):
        build_store((str(1 // n) for n in (1, 0)), path, 1)
    assert same(open_store(path), before)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["C1CC", ""], r"none of 2 rows is a molecule \(row 0: not valid SMILES\); check the SMILES column"),
        ([], "none of 0 rows is a molecule"),
    ],
)
def test_a_file_of_nothing_but_bad_rows_is_an_error(tmp_path, texts, message):
    with pytest.raises(DataError, match=message):
        build_store(texts, tmp_path / "s.arrow")


def test_nothing_but_bad_rows_is_an_error():
    with pytest.raises(DataError, match=r"none of 2 rows is a molecule \(row 0: not valid SMILES\)"):
        store_from_smiles(["C1CC", ""])


def test_other_files_are_no_stores(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="not a molecule store"):
        open_store(tmp_path / "text")
    with pytest.raises(DataError, match="no such store"):
        open_store(tmp_path / "nothing")


def test_arrow_files_of_others_are_no_stores(tmp_path):
    table = pa.table({"x": [1]})
    with pa.ipc.new_file(str(tmp_path / "x.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=r"x\.arrow: not a molweight-store-2 file; delete it"):
        open_store(tmp_path / "x.arrow")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_store_is_no_store(tmp_path, share):
    path = tmp_path / "s.arrow"
    build_store(SMILES, path)
    content = path.read_bytes()
    (tmp_path / "cut").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="cut: not a molecule store"):
        open_store(tmp_path / "cut")


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(DataError, match="not a molecule store"):
        open_store(tmp_path)


def test_bytes_per_molecule(data_folder, tmp_path):
    import pandas as pd

    smiles = pd.read_csv(data_folder / "moleculenet" / "bbbp.csv.gz")["smiles"].tolist()
    store = build_store(smiles, tmp_path / "s.arrow")
    assert len(store) == 2039
    assert (tmp_path / "s.arrow").stat().st_size / len(store) <= 250
