import gzip

import pytest

from molweight.errors import DataError
from molweight.molecules.files import read_smiles, read_table


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,smiles\n1,CCO\n2,\n3,C\n"),
        ("a.csv", "id,SMILES\r\n1,CCO\r\n2,\r\n3,C\r\n"),
        ("a.csv", "\ufeffsmiles,id\nCCO,1\n,2\nC,3\n"),
        ("a.tsv", "id\tcanonical_smiles\n1\tCCO\n2\t\n3\tC\n"),
        ("a.tsv", "\ufeffid\tsmiles\r\n1\tCCO\r\n2\t\r\n3\tC\r\n"),
        ("a.v2.csv", 'name,Smiles \n"1,2-diol",CCO\nb,\nc,C\n'),
    ],
)
def test_tables(tmp_path, name, content, compress):
    path = tmp_path / (name + ".gz" * compress)
    path.write_bytes(gzip.compress(content.encode()) if compress else content.encode())
    assert read_smiles(path) == ["CCO", "", "C"]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("suffix", [".smi", ".txt"])
@pytest.mark.parametrize(
    "content",
    [
        "CCO ethanol\n\nC\tmethane\n",
        "CCO ethanol\r\n\r\n  C\tmethane",
        "\ufeffCCO ethanol\nC\n",
    ],
    ids=["plain", "windows", "byte order mark"],
)
def test_smi_takes_the_first_word_of_each_line(tmp_path, content, suffix, compress):
    path = tmp_path / ("a" + suffix + ".gz" * compress)
    path.write_bytes(gzip.compress(content.encode()) if compress else content.encode())
    assert read_smiles(path) == ["CCO", "C"]


def test_a_table_keeps_its_columns(tmp_path):
    (tmp_path / "a.csv").write_text("smiles,p_np\nCCO,1\nC,\n")
    table = read_table(tmp_path / "a.csv")
    assert list(table.columns) == ["smiles", "p_np"]
    assert table["p_np"].isna().tolist() == [False, True]


@pytest.mark.parametrize("wanted", [None, "drug"])
def test_a_missing_column_error_names_those_there_are(tmp_path, wanted):
    (tmp_path / "b.csv").write_text("x,label,id\n1,2,3\n")
    with pytest.raises(DataError, match=r"'x', 'label', 'id'\. Name it with --smiles-column"):
        read_smiles(tmp_path / "b.csv", wanted)


def test_a_named_column_wins(tmp_path):
    (tmp_path / "a.csv").write_text("smiles,other\nC,CC\n")
    assert read_smiles(tmp_path / "a.csv", "other") == ["CC"]


BAD_FILES = {
    "empty table": ("a.csv", b"", "the file is empty"),
    "empty lines": ("a.smi", b"\n\n", "the file is empty"),
    "empty table.gz": ("a.csv.gz", gzip.compress(b""), "the file is empty"),
    "empty lines.gz": ("a.smi.gz", gzip.compress(b""), "the file is empty"),
    "header alone": ("a.csv", b"smiles,y\n", "no row below the header"),
    "no SMILES": ("a.csv", b"x,y\n1,2\n", "no column is named like SMILES or holds them; it has 'x', 'y'"),
    "ragged table": ("a.csv", b"smiles,y\nC,1\nC,1,2,3\n", "line 3 has 4 values, but there are 2 columns"),
    "UTF-16 table": ("a.csv", "smiles\nC\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "UTF-16 lines": ("a.smi", "CCO\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "table without gzip": ("a.csv.gz", b"no gzip", "not a readable file .*gzip"),
    "lines without gzip": ("a.smi.gz", b"no gzip", "not a readable file .*gzip"),
    "truncated table": ("a.csv.gz", gzip.compress(b"smiles\nCCO\n" * 99)[:20], "the gzipped file is cut off"),
    "truncated lines": ("a.smi.gz", gzip.compress(b"CCO\n" * 99)[:20], "the gzipped file is cut off"),
    "damaged table": (
        "a.csv.gz",
        gzip.compress(b"")[:10] + b"\xff" * 40,
        "not a readable file .*decompressing",
    ),
    "damaged lines": (
        "a.smi.gz",
        gzip.compress(b"")[:10] + b"\xff" * 40,
        "not a readable file .*decompressing",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_named_with_what_is_wrong(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_smiles(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.smi", "a.smi.gz"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: no such file"):
        read_smiles(tmp_path / name)


def test_a_column_asked_for_must_be_there_even_if_another_would_do(tmp_path):
    (tmp_path / "b.csv").write_text("smiles\nC\n")
    with pytest.raises(DataError, match="no column 'drug'"):
        read_smiles(tmp_path / "b.csv", "drug")
