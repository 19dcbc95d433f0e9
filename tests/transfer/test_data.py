import numpy as np
import pandas as pd
import pytest

from molweight.errors import DataError
from molweight.transfer.data import FEWEST_LABELS, Reading, read_transfer

from .conftest import smiles


@pytest.fixture
def write(tmp_path):
    def call(**columns):
        path = tmp_path / "wide.csv"
        pd.DataFrame({"smiles": smiles(60), **columns}).to_csv(path, index=False)
        return path

    return call


NUMBERS = np.linspace(3, 9, 60).round(2)
CLASSES = np.tile([0, 1, 1], 20)


def test_columns_are_tasks_and_empty_is_not_measured(write):
    some = NUMBERS.copy()
    some[::4] = np.nan
    data = read_transfer(write(one=NUMBERS, two=some), Reading())
    assert (data.tasks, data.kind) == (("one", "two"), "regression")
    np.testing.assert_array_equal(data.measured, [60, 45])
    np.testing.assert_allclose(data.labels[:, 0], NUMBERS, rtol=1e-6)


def test_a_threshold_makes_classes(write):
    data = read_transfer(write(one=NUMBERS, two=NUMBERS[::-1]), Reading(threshold=6.0))
    assert data.kind == "classification"
    np.testing.assert_array_equal(data.labels[:, 0], NUMBERS >= 6)


def test_a_value_at_the_threshold_is_class_1(write):
    values = np.tile([6.1, 6.2, 6.3], 20)
    data = read_transfer(write(one=values, two=values), Reading(threshold=6.2))
    np.testing.assert_array_equal(data.labels[:3, 0], [0, 1, 1])


def test_columns_of_0_and_1_are_classes(write):
    data = read_transfer(write(one=CLASSES, two=CLASSES[::-1]), Reading())
    assert data.kind == "classification"
    np.testing.assert_array_equal(data.labels[:, 0], CLASSES)


def test_words_are_classes(write):
    words = np.where(CLASSES == 1, "active", "inactive")
    data = read_transfer(write(one=words, two=words), Reading())
    np.testing.assert_array_equal(data.labels[:, 1], CLASSES)


def test_concentrations_become_negative_logarithms(write):
    data = read_transfer(write(one=10 ** (9 - NUMBERS), two=10 ** (9 - NUMBERS)), Reading(negative_log=1e-9))
    np.testing.assert_allclose(data.labels[:, 0], NUMBERS, rtol=1e-5)


def test_what_is_no_task_is_left_out_with_its_reason(write):
    few = np.full(60, np.nan)
    few[: FEWEST_LABELS - 1] = NUMBERS[: FEWEST_LABELS - 1]
    data = read_transfer(
        write(
            number=np.arange(1000, 1060), name=[f"x{n}" for n in range(60)], one=NUMBERS, two=NUMBERS[::-1],
            few=few, same=np.full(60, 5.5),
        ),
        Reading(),
    )  # fmt: skip
    assert data.tasks == ("one", "two")
    reasons = {each.name: each.reason for each in data.left_out}
    assert "identifier" in reasons["number"]
    assert "neither a number" in reasons["name"]
    assert reasons["few"] == "19 labels; 20 are needed"
    assert reasons["same"] == "one value only"


def test_a_rare_class_is_left_out(write):
    rare = np.zeros(60, int)
    rare[:4] = 1
    data = read_transfer(write(one=CLASSES, two=CLASSES, rare=rare), Reading())
    assert [(each.name, each.reason) for each in data.left_out] == [
        ("rare", "4 labels of the rarer class; 10 are needed")
    ]


def test_rows_of_one_molecule_are_merged_at_the_median(tmp_path):
    texts = [*smiles(60), smiles(60)[5], smiles(60)[5]]
    values = [*NUMBERS, 100.0, 50.0]
    path = tmp_path / "twice.csv"
    pd.DataFrame({"smiles": texts, "one": values, "two": values}).to_csv(path, index=False)
    data = read_transfer(path, Reading())
    assert data.smiles == tuple(smiles(60))
    assert data.labels[5, 0] == 50.0
    assert any("2 rows of a molecule that came before" in remark for remark in data.remarks)


def test_classes_that_disagree_are_missing(tmp_path):
    path = tmp_path / "disagree.csv"
    labels = [*CLASSES, 1 - CLASSES[5]]
    pd.DataFrame(
        {"smiles": [*smiles(60), smiles(60)[5]], "one": labels, "two": [*CLASSES, CLASSES[5]]}
    ).to_csv(path, index=False)
    data = read_transfer(path, Reading())
    assert np.isnan(data.labels[5, 0])
    assert data.labels[5, 1] == CLASSES[5]
    assert any("1 labels of rows that disagree" in remark for remark in data.remarks)


def test_what_is_no_molecule_and_what_has_no_label_is_set_aside(tmp_path):
    path = tmp_path / "wrong.csv"
    texts, values = [*smiles(60), "C1CC", "CCCCCCCCCC"], [*NUMBERS, 5.0, np.nan]
    pd.DataFrame({"smiles": texts, "one": values, "two": values}).to_csv(path, index=False)
    data = read_transfer(path, Reading())
    assert [(each.row, each.smiles) for each in data.set_aside] == [(60, "C1CC"), (61, "CCCCCCCCCC")]
    assert data.set_aside[1].reason == "no label"


def test_bounds_count_as_missing_and_are_told(write):
    texts = [f"{value}" for value in NUMBERS]
    texts[0] = ">3"
    data = read_transfer(write(one=texts, two=texts), Reading())
    np.testing.assert_array_equal(data.measured, [59, 59])
    assert any("2 labels are bounds" in remark for remark in data.remarks)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"one": NUMBERS}, "1 task.s. of enough labels, and two at least"),
        ({"one": NUMBERS, "two": CLASSES}, "make classes of the numbers with --threshold"),
        ({"name": ["x y"] * 59 + ["z"]}, "no column holds labels"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_error(write, columns, message):
    with pytest.raises(DataError, match=message):
        read_transfer(write(**columns), Reading())


def test_a_column_to_ignore_must_be_there(write):
    with pytest.raises(DataError, match="no column 'three' to ignore"):
        read_transfer(write(one=NUMBERS, two=NUMBERS), Reading(ignored=("three",)))


def test_the_best_measured_tasks_and_their_molecules_are_kept(write):
    some, less = NUMBERS.copy(), NUMBERS.copy()
    some[:10], less[:30] = np.nan, np.nan
    data = read_transfer(write(less=less, some=some, all=NUMBERS), Reading()).best_measured(2)
    assert data.tasks == ("some", "all")
    assert data.left_out[-1].name == "less"
    two = read_transfer(write(less=less, some=some, more=some), Reading()).best_measured(2)
    assert len(two.smiles) == 50


def test_the_digest_follows_the_labels(write):
    first = read_transfer(write(one=NUMBERS, two=NUMBERS), Reading()).digest
    assert read_transfer(write(one=NUMBERS, two=NUMBERS), Reading()).digest == first
    assert read_transfer(write(one=NUMBERS, two=NUMBERS + 1), Reading()).digest != first
