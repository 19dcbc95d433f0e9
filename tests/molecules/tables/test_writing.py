import gzip
import io
import os
import re
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molweight.errors import ConfigError, DataError
from molweight.molecules.tables import open_molecules, table_writer

ALL = (
    "a.csv",
    "a.csv.gz",
    "a.tsv",
    "a.smi",
    "a.smi.gz",
    "a.txt",
    "a.sdf",
    "a.sdf.gz",
    "a.parquet",
    "a.jsonl",
    "a.jsonl.gz",
)
TABLE = pd.DataFrame(
    {"id": ["1", "2", "3"], "smiles": ["CCO", "C1CC", ""], "y": ["a b", "", "c"]}, dtype=str
).assign(score=[0.1, np.nan, 1e-12])


def write(path, *tables, smiles_column=None, overwrite=False):
    with table_writer(path, list(tables[0].columns), overwrite, smiles_column) as writer:
        for table in tables:
            writer.write(table)


def read(path, smiles_column=None) -> pd.DataFrame:
    return pd.concat([chunk.table for chunk in open_molecules(path, smiles_column)], ignore_index=True)


@pytest.mark.parametrize("name", ALL)
def test_what_is_written_in_pieces_is_read_again(tmp_path, name):
    write(tmp_path / "new" / name, TABLE[:2], TABLE[2:])
    found = read(tmp_path / "new" / name)
    assert found[["id", "y"]].to_numpy().tolist() == TABLE[["id", "y"]].to_numpy().tolist()
    assert found["smiles"].tolist() == ["CCO", "C1CC", ""]
    assert found["score"].tolist() == ["0.1", "", "1e-12"]
    assert os.listdir(tmp_path / "new") == [name]


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
smiles = st.sampled_from(["CCO", "C1CC", "", "C[C@H](N)O", "[Na+].[Cl-]", " C ", 'C"', "c1cccc1"]) | texts


@st.composite
def tables(draw) -> pd.DataFrame:
    columns = ["smiles", *draw(st.lists(names.filter(lambda n: n != "smiles"), unique=True, max_size=3))]
    order = draw(st.permutations(columns))
    rows = draw(st.lists(st.tuples(smiles, *[texts] * (len(columns) - 1)), min_size=1, max_size=6))
    return pd.DataFrame(rows, columns=columns, dtype=str)[order]


ROUND_TRIP = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
@ROUND_TRIP
@given(table=tables(), cut=st.integers(1, 5))
def test_csv_and_parquet_keep_every_text(tmp_path, name, table, cut):
    write(tmp_path / name, table[:cut], table[cut:], smiles_column="smiles", overwrite=True)
    found = read(tmp_path / name, "smiles")
    assert list(found.columns) == list(table.columns)
    assert found.to_numpy().tolist() == table.to_numpy().tolist()


@ROUND_TRIP
@given(table=tables(), cut=st.integers(1, 5))
def test_smi_keeps_every_text_but_for_tabs_and_line_breaks(tmp_path, table, cut):
    table = table.rename(columns=lambda c: re.sub(r"[\t\r\n]", " ", c)).loc[
        :, lambda t: ~t.columns.duplicated()
    ]
    write(tmp_path / "a.smi", table[:cut], table[cut:], smiles_column="smiles", overwrite=True)
    found = read(tmp_path / "a.smi")
    order = ["smiles", *(c for c in table.columns if c != "smiles")]
    assert list(found.columns) == order
    kept = [[re.sub(r"[\t\r\n]", " ", v) for v in row] for row in table[order].to_numpy().tolist()]
    assert found.to_numpy().tolist() == kept


def sdf_value(text: str) -> str:
    lines = [line for line in re.split(r"[\r\n]", text) if line.strip()]
    return "\n".join(" " * line.startswith("$$$$") + line for line in lines)


@ROUND_TRIP
@given(table=tables(), cut=st.integers(1, 5))
@example(table=pd.DataFrame({"smiles": ["B 0"]}), cut=1)  # boron, which RDKit takes to be named 0
def test_sdf_keeps_every_row_and_every_text_but_for_blank_lines(tmp_path, table, cut):
    table = table.rename(columns=lambda c: " ".join(c.splitlines())).loc[:, lambda t: ~t.columns.duplicated()]
    write(tmp_path / "a.sdf", table[:cut], table[cut:], smiles_column="smiles", overwrite=True)
    found = read(tmp_path / "a.sdf")
    assert list(found.columns) == ["smiles_2", *table.columns]
    kept = [[sdf_value(v) for v in row] for row in table.to_numpy().tolist()]
    assert found[table.columns].to_numpy().tolist() == kept
    for given_text, drawn in zip(table["smiles"], found["smiles_2"], strict=True):
        mol = Chem.MolFromSmiles(given_text) if given_text.strip() else None
        if mol is None:
            assert drawn == ""
        elif given_text in ("CCO", "C[C@H](N)O", "[Na+].[Cl-]", " C "):
            assert drawn == Chem.MolToSmiles(mol)


@pytest.mark.parametrize(
    "text", ["$$$$\n$$$$x", "> <y>\n>  <z>", "M  END", "\n\nx\n \ny", "  x  ", "\x0b", "µ"]
)
def test_sdf_values_that_look_like_something_else(tmp_path, text):
    write(tmp_path / "a.sdf", pd.DataFrame({"smiles": ["C", "CC"], "x": [text, "last"]}, dtype=str))
    found = read(tmp_path / "a.sdf")
    assert found["x"].tolist() == [sdf_value(text), "last"]


def test_rdkit_reads_the_sdf_with_coordinates_and_properties(tmp_path):
    write(tmp_path / "a.sdf", TABLE)
    first, second, third = Chem.SDMolSupplier(str(tmp_path / "a.sdf"))
    assert first.GetPropsAsDict() == {"id": 1, "smiles": "CCO", "y": "a b", "score": 0.1}
    assert not first.GetConformer().Is3D()
    spread = first.GetConformer().GetPositions().std(axis=0)
    assert spread[0] > 0.3
    assert second.GetNumAtoms() == third.GetNumAtoms() == 0
    assert second.GetProp("smiles") == "C1CC"


def test_sdf_takes_molecules_of_any_size_and_kind(tmp_path, awkward):
    smiles = [*awkward.values(), "C" * 600, "C" * 1_500]
    write(tmp_path / "a.sdf", pd.DataFrame({"smiles": smiles}, dtype=str))
    (chunk,) = open_molecules(tmp_path / "a.sdf")
    assert len(chunk.smiles) == len(smiles)
    assert chunk.unreadable == {}
    assert chunk.smiles[-2:] == smiles[-2:]


def test_parquet_keeps_numbers_as_numbers(tmp_path):
    table = TABLE.assign(n=[1, 2, 3], half=np.array([0.5, 1, 2], np.float32))
    write(tmp_path / "a.parquet", table[:1], table[1:])
    schema = pq.read_schema(tmp_path / "a.parquet")
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    assert kinds == {
        "id": "string",
        "smiles": "string",
        "y": "string",
        "score": "double",
        "n": "int64",
        "half": "float",
    }
    assert pd.read_parquet(tmp_path / "a.parquet")["score"].tolist()[::2] == [0.1, 1e-12]


@pytest.mark.parametrize("name", ALL)
def test_a_table_without_rows_has_its_columns(tmp_path, name):
    with table_writer(tmp_path / name, ["smiles", "y"], overwrite=False):
        pass
    if name == "a.parquet":
        assert pq.read_schema(tmp_path / name).names == ["smiles", "y"]
    elif "sdf" not in name and "jsonl" not in name:
        text = (
            gzip.decompress((tmp_path / name).read_bytes())
            if "gz" in name
            else (tmp_path / name).read_bytes()
        )
        assert re.sub(rb"\W+", b" ", text).split() == [b"smiles", b"y"]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.sdf.gz"])
def test_the_same_rows_give_the_same_bytes(tmp_path, name):
    write(tmp_path / name, TABLE)
    write(tmp_path / "b" / name, TABLE)
    assert (tmp_path / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_standard_output_is_csv_and_stays_open(capsysbinary):
    write(Path("-"), TABLE[:1], TABLE[1:])
    print("more")
    assert capsysbinary.readouterr().out == b"id,smiles,y,score\n1,CCO,a b,0.1\n2,C1CC,,\n3,,c,1e-12\nmore\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError("of something else")])
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("before", [None, b"before"])
def test_nothing_half_written_is_left(tmp_path, name, error, before):
    if before:
        (tmp_path / name).write_bytes(before)

    def interrupted() -> None:
        with table_writer(tmp_path / name, list(TABLE.columns), overwrite=True) as writer:
            writer.write(TABLE)
            raise error

    with pytest.raises(error if isinstance(error, type) else OSError):
        interrupted()
    assert os.listdir(tmp_path) == ([name] if before else [])
    if before:
        assert (tmp_path / name).read_bytes() == before


@contextmanager
def small_disk(room: int) -> Iterator[None]:
    """A limit to the size of files stands in for the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.smi", "a.sdf", "a.parquet"])
@pytest.mark.parametrize("room", [10, 40_000])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, name, room):
    noise = [f"{n:x}" for n in np.random.default_rng(0).integers(1 << 60, size=8_000)]
    table = pd.DataFrame({"smiles": ["CCO"] * len(noise), "x": noise}, dtype=str)
    with small_disk(room), pytest.raises(DataError, match=f"{name}: cannot be written .*too large"):
        write(tmp_path / name, table[:4_000], table[4_000:])
    assert os.listdir(tmp_path) == []


PIPED = """
import sys
from pathlib import Path
import pandas as pd
from molweight.errors import DataError
from molweight.molecules.tables import table_writer
table = pd.DataFrame({"smiles": ["CCO"] * 10_000})
try:
    with table_writer(Path("-"), ["smiles"]) as writer:
        for _ in range(ROUNDS):
            writer.write(table)
except DataError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.parametrize("rounds", [0, 30])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output(rounds):
    with open("/dev/full", "wb") as full:
        code = PIPED.replace("ROUNDS", str(rounds))
        run = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 2
    assert run.stderr.splitlines() == ["-: cannot be written (No space left on device)"]


def test_a_reader_that_goes_away():
    run = subprocess.Popen(
        [sys.executable, "-c", PIPED.replace("ROUNDS", "30")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.readline() == "smiles\n"
    run.stdout.close()
    errors = run.stderr.read()
    run.stderr.close()
    assert run.wait() == 2
    assert errors.splitlines() == ["-: cannot be written (Broken pipe)"]


REFUSED = {
    "there": ("a.csv", ConfigError, "exists; give --overwrite to replace it, or another name"),
    "folder": ("folder.csv", ConfigError, "is a folder; name a file"),
    "suffix": (
        "a.xlsx",
        ConfigError,
        "unknown kind of file; .csv, .tsv, .smi, .txt, .sdf, .parquet, .jsonl are written",
    ),
    "no SMILES": ("b.sdf", DataError, "no column named like SMILES"),
    "below a file": ("a.csv/b.csv", DataError, "cannot be written"),
}


@pytest.mark.parametrize(("name", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_at_once(tmp_path, name, kind, message):
    (tmp_path / "a.csv").write_text("before")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(kind, match=message), table_writer(tmp_path / name, ["x"]):
        pytest.fail("was opened")
    assert (tmp_path / "a.csv").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "folder.csv"]


def test_a_file_may_replace_itself(tmp_path):
    write(tmp_path / "a.csv", TABLE)
    file = open_molecules(tmp_path / "a.csv", chunk=1)
    with table_writer(tmp_path / "a.csv", file.columns, overwrite=True) as writer:
        for chunk in file:
            writer.write(chunk.table)
    assert len(read(tmp_path / "a.csv")) == 3


@pytest.mark.parametrize("name", ["a.csv.gz", "a.smi", "a.sdf"])
def test_memory_does_not_grow_with_what_is_written(tmp_path, name):
    table = pd.DataFrame({"smiles": ["CCO"] * 100, "x": ["y" * 100] * 100}, dtype=str)
    tracemalloc.start()
    try:
        write(tmp_path / name, *[table] * 100)
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


def test_standard_input_to_standard_output(monkeypatch, capsysbinary):
    stream = io.BufferedReader(io.BytesIO(b"\xef\xbb\xbfsmiles,y\r\nC,1\r\nC1CC,\r\n"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    file = open_molecules(Path("-"), chunk=1)
    with table_writer(Path("-"), file.columns) as writer:
        for chunk in file:
            writer.write(chunk.table)
    assert capsysbinary.readouterr().out == b"smiles,y\nC,1\nC1CC,\n"
