import gzip
import io
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem.rdDepictor import Compute2DCoords

from molweight.errors import DataError
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.tables import open_molecules
from molweight.molecules.tables.lines import MAX_LINE


def written(tmp_path, name: str, content: str | bytes):
    path = tmp_path / name
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def read(path, smiles_column=None, chunk=2):
    file = open_molecules(path, smiles_column, chunk)
    chunks = list(file)
    assert [c.first_row for c in chunks] == list(range(0, sum(len(c.smiles) for c in chunks), chunk))
    assert all(list(c.table.columns) == list(file.columns) for c in chunks)
    assert all(c.table[file.smiles_column].tolist() == c.smiles for c in chunks)
    return file, pd.concat([c.table for c in chunks], ignore_index=True)


CSV = 'id,smiles,y\r\n007, CCO ,1.50\r\n"a ""b"",\r\nc",C1CC,NA\r\n,,\r\n'


@pytest.mark.parametrize("name", ["a.csv", "a.CSV.gz", "a.tsv", "a.v2.tsv.gz"])
def test_texts_are_kept_as_they_are_written(tmp_path, name):
    content = CSV.replace(",", "\t") if "tsv" in name else CSV
    file, table = read(written(tmp_path, name, content))
    comma = "\t" if "tsv" in name else ","
    assert file.columns == ("id", "smiles", "y")
    assert table.to_numpy().tolist() == [
        ["007", " CCO ", "1.50"], [f'a "b"{comma}\r\nc', "C1CC", "NA"], ["", "", ""],
    ]  # fmt: skip
    # of a progress bar: the header and the break within quotes count too, and nothing is unzipped for it
    assert file.rows == (None if name.endswith(".gz") else 5)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    file, _ = read(written(tmp_path, "a.csv", "\ufeffsmiles,y\nC,1\n"))
    assert file.columns == ("smiles", "y")


def test_a_blank_line_is_a_row_only_where_it_can_hold_an_empty_value(tmp_path):
    _, one = read(written(tmp_path, "a.csv", "smiles\nC\n\nCC\n\n"))
    assert one["smiles"].tolist() == ["C", "", "CC"]
    _, two = read(written(tmp_path, "a.csv", "smiles,y\nC,1\n\nCC,2\n\n"))
    assert two["smiles"].tolist() == ["C", "CC"]


def test_standard_input_is_csv(monkeypatch):
    stream = io.BufferedReader(io.BytesIO(b"smiles,y\nC,1\nCC,2\nCCC,3\n"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    _, table = read(Path("-"))
    assert table["smiles"].tolist() == ["C", "CC", "CCC"]
    assert not stream.closed


SMI_FILES = {
    "names": ("CCO  ethyl alcohol\n\nC\tmethane\nO\n", ("smiles", "name"), ["ethyl alcohol", "methane", ""]),
    "remark": ("# my library\nCCO a\nC b\nO c\n", ("smiles", "name"), ["a", "b", "c"]),
    "plain header": ("SMILES zinc id\nCCO a b\nC b\nO c\n", ("SMILES", "zinc id"), ["a b", "b", "c"]),
    "columns": ("#drug\tname\tx\nCCO\ta\t1\nC\tb \t\nO\n", ("drug", "name", "x"), ["a", "b ", ""]),
    "columns, no mark": ("smiles\tname\nCCO\ta b\nC\tb\nO\tc", ("smiles", "name"), ["a b", "b", "c"]),
}


@pytest.mark.parametrize("name", ["a.smi", "a.txt", "a.smi.gz"])
@pytest.mark.parametrize(("content", "columns", "names"), SMI_FILES.values(), ids=SMI_FILES)
def test_smi(tmp_path, name, content, columns, names):
    file, table = read(written(tmp_path, name, content), "ignored")
    assert file.columns == columns
    assert (file.smiles_column, file.guessed) == (columns[0], "")
    assert table[columns[0]].tolist() == ["CCO", "C", "O"]
    assert table[columns[1]].tolist() == names


BLOCK = """{title}
     RDKit          2D

  2  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.2990    0.7500    0.0000 {atom}   0  0
  1  2  {bond}  0
M  END
"""


def sdf_text() -> str:
    records = [
        BLOCK.format(title="one", atom="O", bond=1) + ">  <y>  (1)\n>10\n\n> 25 <multi line>\na\nb \n\n",
        BLOCK.format(title="", atom="Xx", bond=1) + ">  <y>\n2\n\n",
        BLOCK.format(title="three", atom="F", bond=3) + ">  <y>\n\n\n",
        "nonsense\n>  <other>\nx\n\n",
        "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n",
        BLOCK.format(title="$", atom="N", bond=2),
    ]
    return "$$$$\n".join(records) + "$$$$\n"


@pytest.mark.parametrize("name", ["a.sdf", "a.sdf.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_sdf_keeps_unreadable_records_in_place_with_the_reason(tmp_path, name, end):
    path = written(tmp_path, name, sdf_text().replace("\n", end))
    file, table = read(path)
    assert file.columns == ("smiles", "name", "y", "multi line", "other")
    assert (file.rows, file.smiles_column, file.guessed) == (6, "smiles", "")
    assert table["smiles"].tolist() == ["CO", "", "", "", "", "C=N"]
    assert table["name"].tolist() == ["one", "", "three", "nonsense", "", "$"]
    assert table["y"].tolist() == [">10", "2", "", "", "", ""]
    assert table["multi line"][0] == "a\nb "
    assert table["other"][3] == "x"
    reasons = {row: why for c in open_molecules(path, chunk=4) for row, why in c.unreadable.items()}
    assert list(reasons) == [1, 2, 3, 4]
    assert reasons[1] == reasons[3] == "not a readable mol block"
    assert "valence" in reasons[2]
    assert reasons[4] == "no atoms"


def test_sdf_without_its_last_end_and_without_titles(tmp_path):
    text = BLOCK.format(title="", atom="O", bond=1)
    file, table = read(written(tmp_path, "a.sdf", text + ">  <smiles>\nC1CC\n"))
    assert file.columns == ("smiles_2", "smiles")
    assert table.to_numpy().tolist() == [["CO", "C1CC"]]
    assert read(tmp_path / "a.sdf", "smiles")[0].smiles_column == "smiles"


@pytest.mark.parametrize("v3000", [False, True])
def test_sdf_is_read_as_rdkit_reads_it(tmp_path, awkward, v3000):
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        writer.SetForceV3000(v3000)
        for number, (name, smiles) in enumerate(awkward.items()):
            mol = Chem.MolFromSmiles(smiles)
            Compute2DCoords(mol)
            mol.SetProp("_Name", name)
            mol.SetProp("number" if number % 2 else "IC50 (nM)", f"{number}\nand more")
            writer.write(mol)
    _, table = read(tmp_path / "a.sdf")
    mols = list(Chem.ForwardSDMolSupplier(str(tmp_path / "a.sdf")))
    assert table["smiles"].tolist() == [Chem.MolToSmiles(mol) for mol in mols]
    assert table["name"].tolist() == [mol.GetProp("_Name") for mol in mols]
    for column in ("number", "IC50 (nM)"):
        assert table[column].tolist() == [m.GetProp(column) if m.HasProp(column) else "" for m in mols]


def test_parquet_numbers_become_the_shortest_texts(tmp_path):
    table = pa.table({
        "smiles": ["C", None, "CC"], "x": pa.array([0.1, None, float("nan")]), "n": [1, 2, None],
        "half": pa.array([0.1, 1e30, 2.0], pa.float32()), "flag": [True, False, None],
        "kind": pa.array(["a", "b", "nan"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    file, found = read(tmp_path / "a.parquet")
    assert file.rows == 3
    assert found["smiles"].tolist() == ["C", "", "CC"]
    assert found["x"].tolist() == ["0.1", "", ""]
    assert found["n"].tolist() == ["1", "2", ""]
    assert [float(text) for text in found["half"]] == pytest.approx([0.1, 1e30, 2.0])
    assert found["half"][0] == "0.1"
    assert found["flag"].tolist() == ["true", "false", ""]
    assert found["kind"].tolist() == ["a", "b", "nan"]


GUESSES = {
    "name": ("id,Canonical SMILES\nCCO,CC\n", "Canonical SMILES", "by its name"),
    "first of two": ("smiles,mol\nC,CC\n", "smiles", "('mol' would do too)"),
    "content": ("id,drug,class\nx1,CCO,N\nx2,CCN,P\nx3,,N\n", "drug", "by what it holds"),
    "content against a name": ("molecule,drug\naspirin,CCO\ncaffeine,CCN\n", "drug", "by what it holds"),
    "a name without molecules": ("smiles,y\nbad,1\n", "smiles", "by its name"),
}


@pytest.mark.parametrize(("content", "column", "why"), GUESSES.values(), ids=GUESSES)
def test_what_was_guessed_is_said(tmp_path, content, column, why):
    file, _ = read(written(tmp_path, "a.csv", content))
    assert file.smiles_column == column
    assert repr(column) in file.guessed
    assert why in file.guessed


def test_a_named_column_is_no_guess(tmp_path):
    file, _ = read(written(tmp_path, "a.csv", "smiles,other\nC,CC\n"), "other")
    assert (file.smiles_column, file.guessed) == ("other", "")


BAD_FILES = {
    "empty": ("a.csv", "", "the file is empty"),
    "blank lines": ("a.csv", "\n\n", "the file is empty"),
    "header only": ("a.csv", "smiles,y\r\n", "no row below the header"),
    "smi header only": ("a.smi", "#smiles\tname\n", "no row below the header"),
    "semicolons": ("a.csv", "smiles;y\nC;1,5\n", "separated by semicolons; save it with commas"),
    "tabs": ("a.csv", "smiles\ty\nC\t1\n", "separated by tabs; name it .tsv"),
    "commas": ("a.tsv", "smiles,y\nC,1\n", "separated by commas; name it .csv"),
    "CSV as txt": ("a.txt", "smiles,y\nC,1\n", "seems to be a CSV file; name it .csv"),
    "short row": ("a.csv", 'smiles,y\n"a\nb",1\nC\n', "line 4 has 1 values, but there are 2 columns"),
    "long row": ("a.csv", "smiles,y\nC,1\nC,1,2\n", "line 3 has 3 values, but there are 2 columns"),
    "long line of smi": ("a.smi", "#s\tn\nC\ta\nC\ta\tb\n", "line 3 has 3 values"),
    "open quote": ("a.csv", 'smiles,y\nC,1\n"C,1\nC,1\n', "line 3: .* not closed"),
    "open quote of a large file": (
        "a.csv",
        'smiles\n"C\n' + "CCCCCCC\n" * (MAX_LINE // 8 + 1),
        "line 2: .*not closed",
    ),
    "text after a quote": ("a.csv", 'smiles,y\n"C"C,1\n', "line 2: "),
    "two names": ("a.csv", "smiles,y,y\nC,1,2\n", "two columns are named 'y'"),
    "two names of smi": ("a.smi", "#smiles\ty\ty\nC\t1\t2\n", "two columns have the same name"),
    "no SMILES": ("a.csv", "x,y\n1,a\n", "no column is named like SMILES or holds them; it has 'x', 'y'"),
    "two of SMILES": ("a.csv", "x,y\nCCO,CCN\n", "'x', 'y' all hold SMILES; name one with --smiles-column"),
    "NUL": ("a.csv", "smiles,y\nC,1\nC,\0\n", "line 3 has a NUL byte"),
    "UTF-16 without a mark": ("a.csv", "smiles\nC\n".encode("utf-16-le"), "line 1 has a NUL byte"),
    "UTF-16": ("a.csv", "smiles\nC\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "UTF-16 zipped": ("a.smi.gz", "C\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "Latin 1": ("a.csv", "smiles,IC50 (µM)\nC,1\n".encode("latin-1"), "byte 0xb5 is not UTF-8"),
    "endless line": ("a.smi", "C" * (MAX_LINE + 1), "line 1 has more than 4194304 characters"),
    "endless record": ("a.sdf", "CCCCCCC\n" * (MAX_LINE // 8 + 1), "a record has more than 4194304"),
    "empty sdf": ("a.sdf", "", "the file is empty"),
    "no parquet": ("a.parquet", "smiles\nC\n", "not a readable Parquet file"),
    "spreadsheet": ("a.xlsx", "PK", "unknown kind of file; .csv, .tsv"),
    "no suffix": ("data", "smiles\nC\n", "unknown kind of file"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_one_error(tmp_path, name, content, message):
    path = written(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as caught:
        list(open_molecules(path))
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["a.csv", "a.smi.gz", "a.sdf", "a.parquet", "a.tsv.gz"])
def test_a_missing_file_and_a_folder(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: no such file"):
        open_molecules(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: not a readable"):
        open_molecules(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.sdf", "a.parquet"])
def test_a_missing_column_is_named(tmp_path, name):
    if name == "a.parquet":
        pq.write_table(pa.table({"smiles": ["C"]}), tmp_path / name)
    else:
        written(tmp_path, name, "smiles\nC\n" if name == "a.csv" else sdf_text())
    with pytest.raises(DataError, match="no column 'drug'; it has 'smiles'"):
        open_molecules(tmp_path / name, "drug")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.smi.gz", "a.sdf.gz"])
def test_rows_before_the_cut_are_given_and_then_the_error(tmp_path, name):
    import random

    words = random.Random(0).choices(["C", "CC", "CCO", "CN", "O"], k=200_000)
    text = sdf_text() * 2_000 if "sdf" in name else "smiles name\n" + "\n".join(words)
    path = tmp_path / name
    whole = gzip.compress(text.encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="the gzipped file is cut off; copy it again"):
        list(open_molecules(path))


def test_a_damaged_parquet_file(tmp_path):
    pq.write_table(pa.table({"smiles": ["CCO" * 20] * 1000}), tmp_path / "a.parquet", compression="gzip")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[20:60] = b"\xff" * 40
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        list(open_molecules(tmp_path / "a.parquet"))


@pytest.mark.parametrize("values", [[["C"]], [b"\xff"]])
def test_a_parquet_column_that_is_no_text(tmp_path, values):
    pq.write_table(pa.table({"smiles": ["C"], "x": values}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'x' is of type"):
        list(open_molecules(tmp_path / "a.parquet"))


def test_a_giant_smiles_is_a_row_that_is_rejected(tmp_path):
    path = written(tmp_path, "a.csv", f"smiles,y\nC,1\n{'C1CC' * 250_000},2\nCC,3\n")
    (chunk,) = open_molecules(path)
    parsed = parse_smiles(chunk.smiles)
    assert parsed.rows == [0, 2]
    assert "1000000 characters" in parsed.rejected[0].reason


def test_long_values_come_in_smaller_chunks(tmp_path):
    path = written(tmp_path, "a.csv", "smiles,x\n" + f"C,{'x' * 3_000_000}\n" * 30)
    sizes = [len(chunk.smiles) for chunk in open_molecules(path)]
    assert sum(sizes) == 30
    assert max(sizes) == 12  # the first that pass 32 Mi characters


@pytest.mark.parametrize("name", ["a.csv", "a.smi", "a.sdf", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    rows = 3_000 if name == "a.sdf" else 60_000
    table = pa.table({"smiles": ["CCO"] * rows, "x": [f"value {i}" for i in range(rows)]})
    if name == "a.parquet":
        pq.write_table(table, tmp_path / name, row_group_size=1_000)
    elif name == "a.sdf":
        written(tmp_path, name, (BLOCK.format(title="t", atom="O", bond=1) + "$$$$\n") * rows)
    else:
        table.to_pandas().to_csv(tmp_path / name, index=False, sep="," if name == "a.csv" else "\t")
    tracemalloc.start()
    try:
        assert sum(len(chunk.smiles) for chunk in open_molecules(tmp_path / name, chunk=100)) == rows
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
