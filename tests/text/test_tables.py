import pandas as pd
import pytest

from molweight.errors import DataError
from molweight.text.tables import CHUNK, open_texts, read_unlabelled

TABLE = pd.DataFrame(
    {"id": ["1", "2"], "remark": ["a longer remark than that", "another long one"], "Text": ["ab", "c d"]}
)
WRITE = {
    "a.csv": lambda path: TABLE.to_csv(path, index=False),
    "a.tsv": lambda path: TABLE.to_csv(path, index=False, sep="\t"),
    "a.jsonl": lambda path: TABLE.to_json(path, orient="records", lines=True),
    "a.parquet": lambda path: TABLE.to_parquet(path, index=False),
    "a.csv.gz": lambda path: TABLE.to_csv(path, index=False),
}


@pytest.mark.parametrize("name", WRITE)
def test_every_format_gives_the_same_rows(tmp_path, name):
    WRITE[name](tmp_path / name)
    file = open_texts(tmp_path / name)
    (chunk,) = file
    assert file.text_column == "Text"
    assert "by its name" in file.guessed
    assert chunk.texts == ("ab", "c d")
    assert chunk.pairs is None
    assert chunk.table.equals(TABLE)


def test_without_a_usual_name_the_column_with_the_most_words_is_taken(tmp_path):
    TABLE.rename(columns={"Text": "z"}).to_csv(tmp_path / "a.csv", index=False)
    file = open_texts(tmp_path / "a.csv")
    assert file.text_column == "remark"
    assert "most words" in file.guessed
    assert open_texts(tmp_path / "a.csv", usual="z").text_column == "z"


def test_pairs_and_pieces(tmp_path):
    table = pd.DataFrame({"a": [f"x {i}" for i in range(CHUNK + 3)], "b": ["y"] * (CHUNK + 3)})
    table.to_csv(tmp_path / "a.csv", index=False)
    chunks = list(open_texts(tmp_path / "a.csv", "a", "b"))
    assert [(chunk.first_row, len(chunk.texts)) for chunk in chunks] == [(0, CHUNK), (CHUNK, 3)]
    assert chunks[1].texts[0] == f"x {CHUNK}"
    assert chunks[1].pairs == ("y", "y", "y")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"text_column": "Txt"}, "no column 'Txt'; did you mean 'Text'.*--text-column"),
        ({"pair_column": "zzzz"}, "no column 'zzzz'; it has 'id'.*--pair-column"),
        ({"text_column": "Text", "pair_column": "Text"}, "name two columns"),
        ({"others": ("Text", "remark")}, "no column looks like texts"),
    ],
)
def test_columns_that_cannot_be_are_refused(tmp_path, options, expected):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=expected):
        open_texts(tmp_path / "a.csv", **options)


def test_other_kinds_of_file_are_refused(tmp_path):
    (tmp_path / "a.smi").write_text("C\n")
    with pytest.raises(DataError, match=r"unknown kind of file; \.csv, \.tsv, \.jsonl, \.parquet"):
        open_texts(tmp_path / "a.smi")


def test_unlabelled_texts_come_from_lines_and_from_tables(tmp_path):
    (tmp_path / "a.txt").write_text("one text\n\n  another \n")
    assert read_unlabelled(tmp_path / "a.txt") == ["one text", "another"]
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    assert read_unlabelled(tmp_path / "a.csv", "remark") == list(TABLE["remark"])
    assert read_unlabelled(tmp_path / "a.csv", "elsewhere") == ["ab", "c d"]
