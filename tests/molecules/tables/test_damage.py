"""Whatever bytes a file holds, it is read or refused in one sentence."""

import gzip
import io

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molweight.errors import DataError
from molweight.molecules.tables import open_molecules, table_writer

NAMES = ("a.csv", "a.tsv", "a.smi", "a.sdf", "a.parquet", "a.csv.gz", "a.sdf.gz")
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    table = pd.DataFrame({"smiles": ["CCO", "c1ccccc1", "bad"], "x": ['a "b"', "c\nd", ">1"]}, dtype=str)
    for name in NAMES:
        with table_writer(folder / name, list(table.columns)) as writer:
            writer.write(table)
    return {name: (folder / name).read_bytes() for name in NAMES}


def read_or_refuse(path) -> None:
    refused = f"{path}: "
    try:
        for chunk in open_molecules(path):
            assert len(chunk.smiles) == len(chunk.table) > 0
    except DataError as error:
        refused = str(error)
    assert refused.startswith(f"{path}: ")
    assert "\n" not in refused


@pytest.mark.parametrize("name", NAMES)
@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    read_or_refuse(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
@FUZZ
@given(data=st.data())
def test_a_sound_file_with_some_bytes_replaced(tmp_path, sound, name, data):
    content = (
        gzip.decompress(sound[name]) if name.endswith(".gz") and data.draw(st.booleans()) else sound[name]
    )
    at = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 20))
    damaged = content[:at] + data.draw(st.binary(max_size=8)) + content[at + length :]
    (tmp_path / name).write_bytes(damaged)
    read_or_refuse(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_ends_anywhere(tmp_path, sound, name):
    content = sound[name]
    for end in range(0, len(content), max(1, len(content) // 60)):
        (tmp_path / name).write_bytes(content[:end])
        read_or_refuse(tmp_path / name)


def test_sound_files_are_read(tmp_path, sound):
    for name, content in sound.items():
        (tmp_path / name).write_bytes(content)
        (chunk,) = open_molecules(tmp_path / name)
        assert len(chunk.table) == 3
    assert gzip.GzipFile(fileobj=io.BytesIO(sound["a.csv.gz"])).read() == sound["a.csv"]
