import numpy as np
import pytest

from molweight.errors import DataError
from molweight.text.labels import MOST_CLASSES, read_labels


def test_words_are_classes_in_alphabetical_order():
    found = read_labels(["b", " a", "", "b", "NA"], "y")
    assert found.kind == "classification"
    assert found.classes == ("a", "b")
    assert np.array_equal(found.labels, [1, 0, np.nan, 1, np.nan], equal_nan=True)
    assert "'b' (2 rows), 'a' (1 row)" in found.findings[1].text


def test_few_whole_numbers_are_classes_in_their_order():
    found = read_labels(["10", "2.0", "2", "10"], "y")
    assert found.classes == ("2", "10")
    assert found.labels.tolist() == [1, 0, 0, 1]
    assert "--kind says otherwise" in found.findings[0].text


@pytest.mark.parametrize("texts", [["1", "2.5", ""], [str(n) for n in range(11)]])
def test_other_numbers_are_values(texts):
    found = read_labels(texts, "y")
    assert found.kind == "regression"
    assert found.classes == ()
    expected = [float(t) if t else np.nan for t in texts]
    assert np.array_equal(found.labels, np.array(expected, np.float32), equal_nan=True)


def test_what_is_asked_for_goes_before_the_guess():
    assert read_labels(["1", "2"], "y", "regression").labels.tolist() == [1, 2]
    assert read_labels(["1.5", "2"], "y", "classification").classes == ("1.5", "2")


@pytest.mark.parametrize(
    ("texts", "kind", "expected"),
    [
        (["", "na"], "auto", "every label is missing"),
        (["a", "a"], "auto", "every label is 'a'; two classes"),
        (["1", "1"], "regression", "every label is '1'; nothing to learn"),
        (["1", "x"], "regression", "row 2 below the header: 'x' is no number.*--kind classification"),
        (["1", "1e99"], "regression", "row 2 below the header: '1e99'"),
        ([f"c{n}" for n in range(MOST_CLASSES + 1)], "auto", "201 different labels.*--target"),
        ([str(n) for n in range(MOST_CLASSES + 1)], "classification", "201 different.*--kind regression"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(texts, kind, expected):
    with pytest.raises(DataError, match=expected):
        read_labels(texts, "y", kind)
