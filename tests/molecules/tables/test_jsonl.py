import gzip
import json
import re

import pandas as pd
import pytest

from molweight.errors import DataError
from molweight.molecules.tables import open_molecules, table_writer


def rows(path):
    return pd.concat([chunk.table for chunk in open_molecules(path)]).to_dict("records")


def test_values_of_any_kind_become_texts(tmp_path):
    lines = [
        {"smiles": "CC", "y": 1.50, "note": None, "more": [1, "é"], "flag": True},
        {"smiles": "CO", "flag": False},
    ]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, lines)).encode()))
    assert rows(path) == [
        {"smiles": "CC", "y": "1.5", "note": "", "more": '["1", "é"]', "flag": "true"},
        {"smiles": "CO", "y": "", "note": "", "more": "", "flag": "false"},
    ]


def test_numbers_keep_every_digit(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"smiles": "CC", "y": 1.500, "id": 12345678901234567890}\n')
    assert rows(tmp_path / "a.jsonl") == [{"smiles": "CC", "y": "1.500", "id": "12345678901234567890"}]


def test_what_is_no_number_is_null(tmp_path):
    path = tmp_path / "out.jsonl"
    with table_writer(path, ["smiles", "y"]) as writer:
        writer.write(pd.DataFrame({"smiles": ["CC", 'C"\n'], "y": [float("inf"), 2.5]}))
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"smiles": "CC", "y": None},
        {"smiles": 'C"\n', "y": 2.5},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        ("{}\n", "line 1 has no keys"),
        ('{"smiles": "CC"}\n{"smiles"\n', "line 2 is not JSON"),
        ('{"smiles": "CC"}\n["CO"]\n', "line 2 is not a JSON object"),
        (
            '{"smiles": "CC"}\n\n{"smiles": "CO", "z": 1}\n',
            "line 3 has a key 'z' that the first line has not",
        ),
    ],
)
def test_bad_lines_are_named(tmp_path, content, expected):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(DataError, match=re.escape(expected)):
        rows(tmp_path / "a.jsonl")
