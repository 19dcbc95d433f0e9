"""Whose molecules `molweight transfer objectives` takes."""

import pytest

from molweight.benchmarks.loading import load_data_set
from molweight.benchmarks.objective_sets import find_target
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import scaffold_split
from molweight.screening.facts import describe
from molweight.transfer.data import Reading


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{'C' * n}O,{n / 2},{n % 2},word{n}" for n in range(1, 31)]
    path.write_text("\n".join(["smiles,logS,active,remark", *rows, "CCO,9,0,x", "C1CC,1,1,x", ""]))
    return path


def flat(smiles):
    return {found.flat for found in describe(smiles)}


def test_one_column_of_a_table_is_the_target(table):
    found = find_target(str(table), "logS", Reading(), None, None)
    assert found.data.tasks == ("logS",)
    assert found.data.kind == "regression"
    assert len(found.data.smiles) == 30
    assert found.data.labels[1, 0] == 5.0  # the median of two rows of ethanol
    assert [row.row for row in found.data.set_aside] == [31]
    assert find_target(str(table), "active", Reading(), None, None).data.kind == "classification"


@pytest.mark.parametrize(
    ("data", "target", "error", "message"),
    [
        ("table", None, ConfigError, "--target: name the column"),
        ("table", "logP", DataError, "there is no column 'logP'; there are 'smiles', 'logS'"),
        ("table", "remark", DataError, "'remark' is no target"),
        ("bbpb", None, DataError, "no such file, and no set of that name; there are bbbp"),
    ],
)
def test_what_cannot_be_is_said(table, data, target, error, message):
    with pytest.raises(error, match=message):
        find_target(str(table) if data == "table" else data, target, Reading(), None, None)


def test_too_few_labels(table):
    table.write_text("\n".join(table.read_text().splitlines()[:16]))
    with pytest.raises(DataError, match="'logS' has 15 labels; 20 are needed"):
        find_target(str(table), "logS", Reading(), None, None)


def test_of_a_named_set_the_train_part_alone_be_it_in_the_file(data_folder, tmp_path):
    loaded = load_data_set("freesolv", data_folder).data
    split = scaffold_split(loaded.smiles)
    path = tmp_path / "more.csv"
    path.write_text("\n".join(["smiles", *loaded.smiles, "CCCCCCCCCCCCCCCCCCCCO", ""]))
    found = find_target("freesolv", None, Reading(), path, data_folder)
    others = [loaded.smiles[m] for part in (split.valid, split.test) for m in part]
    assert not flat(found.data.smiles) & flat(others)
    assert len(found.data.smiles) == len(split.train)
    assert found.unlabelled == ("CCCCCCCCCCCCCCCCCCCCO",)


def test_a_named_set_of_several_targets_wants_one_named(data_folder):
    with pytest.raises(ConfigError, match="--target: clintox has several"):
        find_target("clintox", None, Reading(), None, data_folder)
    with pytest.raises(DataError, match="there is no target 'p_np'"):
        find_target("clintox", "p_np", Reading(), None, data_folder)
