"""Every mistake of a user ends in one line, exit code 2, and no output folder."""

import gzip
from pathlib import Path
from urllib.error import URLError

import pandas as pd
import pytest


@pytest.fixture
def refused(run_cli, tmp_path):
    """Runs `bench`, checks how it fails, and gives the error."""

    def run(*arguments: object) -> str:
        out = tmp_path / "out"
        code, _, stderr = run_cli("bench", *arguments, "--budget", "smoke", "--methods", "rf", "--out", out)
        lines = [line for line in stderr.splitlines() if line.strip()]
        assert code == 2
        assert len(lines) == 1
        assert "Traceback" not in stderr
        assert not out.exists()
        return lines[0]

    return run


def rewrite(folder: Path, change) -> Path:
    path = folder / "moleculenet" / "bbbp.csv.gz"
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)
    return path


def test_unknown_data_set_suggests_the_nearest(refused):
    assert "did you mean bbbp" in refused("bbpb")


def test_unknown_data_set_with_no_near_name_lists_all(refused):
    assert "freesolv" in refused("xyz")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--methods", "rf,magic", "magic"),
        ("--budget", "huge", "standard"),
        ("--split", "time", "random-scaffold"),
        ("--seeds", 0, "--seeds"),
        ("--device", "tpu", "cuda"),
        ("--precision", "float8", "bfloat16"),
        ("--data-dir", "/nowhere", "/nowhere"),
        ("--checkpoint", "nothing.pth", "nothing.pth"),
    ],
)
def test_impossible_options_say_what_is_possible(run_cli, small_data, option, value, expected):
    code, _, stderr = run_cli("bench", "freesolv", "--data-dir", small_data, option, value)
    assert code == 2
    assert expected in stderr
    assert "Traceback" not in stderr


def test_missing_label_column_is_named(refused, small_data):
    rewrite(small_data, lambda t: t.rename(columns={"p_np": "label"}))
    error = refused("bbbp", "--data-dir", small_data)
    assert "'p_np'" in error
    assert "'label'" in error


def test_missing_smiles_column_is_named(refused, small_data):
    rewrite(small_data, lambda t: t.rename(columns={"smiles": "formula"}))
    assert "smiles" in refused("bbbp", "--data-dir", small_data)


def test_text_in_a_label_names_row_and_value(refused, small_data):
    def spoil(table):
        table["p_np"] = table["p_np"].astype(object)
        table.loc[6, "p_np"] = "active"
        return table

    error = refused("bbbp", "--data-dir", rewrite(small_data, spoil).parents[1])
    assert "row 7" in error
    assert "'active'" in error


def test_a_class_other_than_0_and_1_is_refused(refused, small_data):
    rewrite(small_data, lambda t: t.assign(p_np=2))
    assert "not 0 or 1" in refused("bbbp", "--data-dir", small_data)


def test_all_labels_missing(refused, small_data):
    rewrite(small_data, lambda t: t.assign(p_np=None))
    assert "every label" in refused("bbbp", "--data-dir", small_data)


def test_one_class_only(refused, small_data):
    rewrite(small_data, lambda t: t.assign(p_np=1))
    assert "one class" in refused("bbbp", "--data-dir", small_data)


def test_a_split_that_leaves_one_class_in_valid(refused, small_data):
    from molweight.molecules.splits import scaffold_split

    def spoil(table):
        table.loc[scaffold_split(table["smiles"].tolist()).valid, "p_np"] = 1
        return table

    rewrite(small_data, spoil)
    assert "valid part of the scaffold split" in refused("bbbp", "--data-dir", small_data)


def test_no_valid_smiles_at_all(refused, small_data):
    rewrite(small_data, lambda t: t.assign(smiles="C1CC"))
    assert "none of 80 rows is a molecule" in refused("bbbp", "--data-dir", small_data)


@pytest.mark.parametrize("content", [b"", b"num,name,p_np,smiles\n"])
def test_empty_file(refused, small_data, content):
    (small_data / "moleculenet" / "bbbp.csv.gz").write_bytes(gzip.compress(content))
    error = refused("bbbp", "--data-dir", small_data)
    assert "bbbp.csv.gz" in error


def test_a_file_that_is_no_table(refused, small_data):
    (small_data / "moleculenet" / "bbbp.csv.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    assert "bbbp.csv.gz" in refused("bbbp", "--data-dir", small_data)


def test_no_data_and_no_network_says_which_folder_to_fill(refused, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.delenv("MOLWEIGHT_DATA", raising=False)
    error = refused("hiv")
    assert "MOLWEIGHT_DATA" in error
    assert "moleculenet/hiv.csv.gz" in error
    assert "https://" in error
