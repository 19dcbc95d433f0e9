import gzip

import pytest

from molweight.errors import DataError
from molweight.molecules.files import read_smiles


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,smiles\n1,CCO\n2,\n3,C\n"),
        ("a.csv", "id,SMILES\r\n1,CCO\r\n2,\r\n3,C\r\n"),
        ("a.csv", "\ufeffsmiles,id\nCCO,1\n,2\nC,3\n"),
        ("a.tsv", "id\tcanonical_smiles\n1\tCCO\n2\t\n3\tC\n"),
    ],
)
def test_tables(tmp_path, name, content, compress):
    path = tmp_path / (name + ".gz" * compress)
    path.write_bytes(gzip.compress(content.encode()) if compress else content.encode())
    assert read_smiles(path) == ["CCO", "", "C"]


def test_smi_takes_the_first_word_of_each_line(tmp_path):
    (tmp_path / "a.smi").write_text("CCO ethanol\n\nC\tmethane\n")
    assert read_smiles(tmp_path / "a.smi") == ["CCO", "C"]


def test_a_named_column_wins(tmp_path):
    (tmp_path / "a.csv").write_text("smiles,other\nC,CC\n")
    assert read_smiles(tmp_path / "a.csv", "other") == ["CC"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.smi", b"\n\n", "the file is empty"),
        ("a.csv", b"x,y\n1,2\n", "no column named like SMILES; it has 'x', 'y'"),
        ("a.csv", "smiles\nC\n".encode("utf-16"), "not a readable CSV"),
        ("a.smi", "CCO\n".encode("utf-16"), "not a readable text file"),
        ("a.smi.gz", b"no gzip", "not a readable text file"),
        ("a.csv.gz", b"no gzip", "not a readable CSV"),
    ],
)
def test_bad_files_are_named_with_what_is_wrong(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_smiles(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_missing_column(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_smiles(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("smiles\nC\n")
    with pytest.raises(DataError, match="no column 'drug'"):
        read_smiles(tmp_path / "b.csv", "drug")
