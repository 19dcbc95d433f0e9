import numpy as np

from molweight.text.data import TextData

DATA = TextData(
    ("one", "two", "three"),
    ("eins", "zwei", "drei"),
    np.array([0, 1, 1], np.float32),
    ("odd", "even"),
    "classification",
)


def test_hidden_labels_are_missing_and_the_original_keeps_them():
    hidden = DATA.hide_labels(np.array([0, 2]))
    assert np.array_equal(hidden.labels, [np.nan, 1, np.nan], equal_nan=True)
    assert np.array_equal(DATA.labels, [0, 1, 1])


def test_rows_are_taken_in_the_order_named_with_their_pairs():
    taken = DATA.take(np.array([2, 0]))
    assert taken.texts == ("three", "one")
    assert taken.pairs == ("drei", "eins")
    assert taken.labels.tolist() == [1, 0]


def test_a_value_is_one_output_and_a_class_is_one_each():
    values = TextData(("a",), None, np.array([0.5], np.float32), (), "regression")
    assert values.outputs == 1
    assert values.take(np.array([0])).pairs is None
    assert DATA.outputs == 2
    assert len(DATA) == 3
