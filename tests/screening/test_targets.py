import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.errors import ConfigError, DataError
from molweight.screening.targets import find_targets


def found(column: list[str], kind="auto", name="y", **options):
    return find_targets(
        pd.DataFrame({"smiles": ["C"] * len(column), name: column}, dtype=str), [name], kind, **options
    )


def titles(targets) -> list[str]:
    return [finding.title for finding in targets.findings]


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False) | st.none(), min_size=2, max_size=20)
)
def test_numbers_are_read_as_they_are_written(values):
    present = [v for v in values if v is not None]
    if len(set(present)) < 2:
        return
    targets = found(["" if v is None else f" {v!r} " for v in values], "regression")
    expected = np.array([np.nan if v is None else v for v in values], np.float32)
    assert np.array_equal(targets.labels[:, 0], expected, equal_nan=True)
    assert targets.labels.dtype == np.float32
    assert targets.findings == []


CLASSES = {
    "0 and 1": (["1", "0", "", "1"], "0", "1"),
    "floats": (["1.0", "0.0", "", "1"], "0.0", "1.0"),
    "active": (["Active", "inactive", "", "ACTIVE"], "inactive", "Active"),
    "yes": (["yes", "No", "", "YES"], "No", "yes"),
    "true": (["True", "False", "", "true"], "False", "True"),
    "signs": (["+", "-", "", "+"], "-", "+"),
    "toxic": (["Toxic", "Non-toxic", "", "toxic"], "Non-toxic", "Toxic"),
    "not toxic": (["toxic", "Not toxic", "", "toxic"], "Not toxic", "toxic"),
    "soluble": (["soluble", "insoluble", "", "soluble"], "insoluble", "soluble"),
}


@pytest.mark.parametrize(("column", "negative", "positive"), CLASSES.values(), ids=CLASSES)
def test_two_opposites_are_classes_and_the_positive_one_is_named(column, negative, positive):
    targets = found(column)
    assert targets.kind == "classification"
    assert np.array_equal(targets.labels[:, 0], [1, 0, np.nan, 1], equal_nan=True)
    assert targets.classes == {"y": (negative, positive)}
    (finding,) = targets.findings
    assert finding.text == (
        f"{positive!r} is the positive class of 'y' (2 rows), {negative!r} the negative one (1 row)."
    )


@pytest.mark.parametrize("column", [["1", "2", "1"], ["0", "1", "0.5"], ["-1", "1", "1"], ["0", "1.0000001"]])
def test_other_numbers_are_numbers(column):
    assert found(column).kind == "regression"


def test_a_kind_that_is_asked_for():
    assert found(["0", "1", "1"], "regression").labels[:, 0].tolist() == [0, 1, 1]
    targets = found(["-1", "1", ""], "classification")
    assert np.array_equal(targets.labels[:, 0], [0, 1, np.nan], equal_nan=True)
    assert targets.classes == {"y": ("-1", "1")}


def test_several_columns():
    table = pd.DataFrame({"a": ["0", "1", ""], "b": ["no", "yes", "no"]}, dtype=str)
    targets = find_targets(table, ["b", "a"])
    assert targets.tasks == ("b", "a")
    assert np.array_equal(targets.labels, [[0, 0], [1, 1], [0, np.nan]], equal_nan=True)
    assert titles(targets) == ["Classes", "Classes"]


CENSORED = [">10", "< 0.5", ">=3", "<=4", "~5", "≥6", "≤7", "≈8"]


def test_censored_values_are_left_out_and_told():
    targets = found(["1", *CENSORED, "2"])
    assert np.isnan(targets.labels[1:-1]).all()
    (finding,) = targets.findings
    assert finding.title == "Censored labels"
    assert finding.text == (
        "8 labels of 'y' are bounds, such as '>10', and left out; give --censored bound to keep the bounds."
    )
    assert finding.rows == tuple(range(1, 9))


def test_censored_values_kept_at_the_bound_are_told_too():
    targets = found(["1", *CENSORED], censored="bound")
    assert targets.labels[:, 0].tolist() == [1, 10, 0.5, 3, 4, 5, 6, 7, 8]
    assert "8 labels of 'y' are bounds, such as '>10', and kept at the bound" in targets.findings[0].text


def test_words_for_no_value_are_missing_and_told():
    targets = found(["1", "NA", "nan", "", "N/A", "2"])
    assert np.isnan(targets.labels[1:5]).all()
    assert [(f.title, f.rows) for f in targets.findings] == [("Missing labels", (1, 2, 4))]
    assert titles(found(["yes", "no", "None"])) == ["Classes", "Missing labels"]


@pytest.mark.parametrize(
    ("name", "unit"),
    [("IC50 (nM)", "nM"), ("logS [mol/L]", "mol/L"), ("ki_uM", "uM"), ("dose (mg/kg)", "mg/kg")],
)
def test_a_unit_in_the_name_is_told(name, unit):
    (finding,) = found(["1", "2"], name=name).findings
    assert finding.title == "Units"
    assert f"{name!r} is in {unit} by its name" in finding.text


@pytest.mark.parametrize("name", ["IC50", "IC50 (mean)", "pIC50 (24 hours after)", "M", "team"])
def test_names_without_units(name):
    assert found(["1", "2000"], name=name).findings == []


@pytest.mark.parametrize(
    ("name", "exponent"), [("IC50 (nM)", 9), ("IC50 [µM]", 6), ("Ki_mM", 3), ("S (mol/L)", 0)]
)
def test_wide_concentrations_get_the_advice_to_take_the_logarithm(name, exponent):
    finding = found(["1", "5000"], name=name).findings[-1]
    assert finding.title == "Logarithm advised"
    assert "span 3.7 decades" in finding.text
    assert f"{exponent} - log10(value)" in finding.text


@pytest.mark.parametrize(
    ("name", "low", "high"), [("x (nM)", "1", "99"), ("x (nM)", "-1", "999"), ("x (mg)", "1", "999")]
)
def test_other_values_do_not(name, low, high):
    assert titles(found([low, high], name=name)) == ["Units"]


BAD = {
    "free text": (["1", "2", "unclear"], "auto", "row 3 below the header: 'unclear' is neither a number nor"),
    "third class": (["active", "inactive", "x", "active"], "auto", "row 3 below the header: 'x' is neither"),
    "number among classes": (["active", "inactive", "1"], "auto", "row 3 below the header: '1' is neither"),
    "no opposites": (
        ["red", "blue"],
        "auto",
        "row 1 below the header: 'red' .* write the classes as 0 and 1",
    ),
    "decimal comma": (
        ["1", "1,5"],
        "auto",
        "row 2 below the header: '1,5' has a comma; write .* decimal point",
    ),
    "only commas": (["0,5", "1,5"], "auto", "row 1 below the header: '0,5' has a comma"),
    "thousands": (["1", "1,234.5"], "auto", "'1,234.5' has a comma"),
    "censored comma": (["1", ">1,5"], "auto", "'>1,5' has a comma"),
    "infinite": (["1", "inf"], "auto", "row 2 below the header: 'inf' is neither"),
    "underscore": (["1", "1_000"], "auto", "'1_000' is neither"),
    "too large": (["1", "1e39"], "auto", "row 2 below the header: '1e39' is too large"),
    "all missing": (["", "NA"], "auto", "every label is missing; check the column"),
    "constant": (["2", "2.0", ""], "auto", "every label is 2; there is nothing to learn from it"),
    "one class of numbers": (["1", "1"], "classification", "every label is 1"),
    "one class of words": (["active", "active"], "auto", "every label is 'active'; two classes are needed"),
    "all censored": ([">1", "<2"], "auto", "missing, and 2 labels are bounds; give --censored bound"),
    "three classes": (["0", "1", "2"], "classification", "has 3 different values, not two classes"),
    "a bound as class": (["0", "1", ">1"], "classification", "row 3 below the header: a bound is no class"),
    "words as numbers": (
        ["no", "yes"],
        "regression",
        "row 1 below the header: 'no' and 'yes' are classes, not",
    ),
}


@pytest.mark.parametrize(("column", "kind", "message"), BAD.values(), ids=BAD)
def test_labels_that_cannot_be_read_are_named(column, kind, message):
    with pytest.raises(DataError, match=message) as caught:
        found(column, kind)
    assert "column 'y'" in str(caught.value)


def test_classes_beside_numbers():
    table = pd.DataFrame({"a": ["0", "1"], "b": ["0", "1.5"]}, dtype=str)
    with pytest.raises(
        DataError, match=r"'a' holds two classes, but 'b' does not; .* say which .* with --kind"
    ):
        find_targets(table, ["b", "a"])
    assert find_targets(table, ["b", "a"], "regression").kind == "regression"


def test_a_column_that_is_not_there():
    table = pd.DataFrame({"smiles": ["C"], "pIC50": ["1"]})
    with pytest.raises(DataError, match="no column 'pic50'; did you mean 'pIC50'"):
        find_targets(table, ["pic50"])
    with pytest.raises(DataError, match="no column 'qq'; there are 'smiles', 'pIC50'"):
        find_targets(table, ["qq"])


@pytest.mark.parametrize(("names", "message"), [([], "give --target"), (["a", "a"], "a is given twice")])
def test_columns_must_be_named_once(names, message):
    with pytest.raises(ConfigError, match=message):
        find_targets(pd.DataFrame({"a": ["1", "2"]}), names)
