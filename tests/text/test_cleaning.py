import numpy as np
import pytest

from molweight.errors import DataError
from molweight.text.cleaning import clean_texts
from molweight.text.data import TextData


def table(rows, classes=("no", "yes"), kind="classification", pairs=None) -> TextData:
    """Thirty sound rows of two classes, or of values, and some more."""
    sound = [(f"sound text {i}", i % 2) for i in range(30)]
    texts, labels = zip(*sound, *rows, strict=True)
    partners = None if pairs is None else (*(f"partner {i}" for i in range(30)), *pairs)
    return TextData(texts, partners, np.array(labels, np.float32), classes, kind)


def reasons(cleaned) -> dict[int, str]:
    return {each.row: each.reason for each in cleaned.set_aside}


def titles(cleaned) -> set[str]:
    return {finding.title for finding in cleaned.findings}


def test_sound_rows_stay_as_they_are():
    cleaned = clean_texts(table([]))
    assert cleaned.rows.tolist() == list(range(30))
    assert not cleaned.set_aside
    assert titles(cleaned) == {"Few texts"}


def test_rows_without_text_partner_or_label_are_set_aside():
    rows, pairs = [(" ", 1), ("a", 1), ("b", np.nan), ("c", 0)], ("x", "\t", "y", "z")
    cleaned = clean_texts(table(rows, pairs=pairs))
    assert reasons(cleaned) == {
        30: "the text is empty",
        31: "the second text is empty",
        32: "there is no label",
    }
    assert cleaned.rows.tolist() == [*range(30), 33]
    assert {"Empty texts", "Empty second texts", "Rows without a label"} <= titles(cleaned)


def test_texts_that_the_encoder_cannot_read_are_set_aside():
    readable = np.ones(31, np.bool_)
    readable[30] = False
    cleaned = clean_texts(table([("\u200b", 1)]), readable)
    assert "tokeniser" in reasons(cleaned)[30]
    assert "Texts that cannot be read" in titles(cleaned)


def test_of_copies_the_first_stays_and_of_contradictions_none():
    cleaned = clean_texts(table([("sound  text 0 ", 0), ("sound text 1", 0)]))
    assert reasons(cleaned) == {
        1: "the same text has the labels no and yes",
        30: "the same text as in row 1",
        31: "the same text has the labels no and yes",
    }
    assert {"Copies", "Contradictions"} <= titles(cleaned)


def test_the_same_text_with_another_partner_is_another_row():
    pairs = ("partner x", "partner 0")
    cleaned = clean_texts(table([("sound text 0", 1), ("sound text 0", 0)], pairs=pairs))
    assert reasons(cleaned) == {31: "the same text as in row 1"}


def test_of_differing_values_the_mean_is_taken():
    cleaned = clean_texts(table([("sound text 0", 3.0), ("sound text 0", 6.0)], (), "regression"))
    assert cleaned.data.labels[0] == 3.0
    assert len(cleaned.set_aside) == 2
    assert "Differing values" in titles(cleaned)


def test_a_class_of_two_texts_is_left_out_and_the_others_are_numbered_anew():
    rows = [("x", 1), ("y", 1), *((f"z{i}", 2) for i in range(4))]
    data = table(rows, ("no", "odd", "yes"))
    data.labels[:30] = np.tile([0, 2], 15)
    cleaned = clean_texts(data)
    assert reasons(cleaned) == dict.fromkeys((30, 31), "class 'odd' has 2 texts, fewer than 3")
    assert cleaned.data.classes == ("no", "yes")
    assert cleaned.data.labels[-4:].tolist() == [1, 1, 1, 1]


def test_rare_classes_are_told():
    cleaned = clean_texts(table([(f"z{i}", 2) for i in range(4)], ("no", "yes", "perhaps")))
    (told,) = [finding.text for finding in cleaned.findings if finding.title == "Rare classes"]
    assert told.startswith("'perhaps' (4)")


def test_too_few_texts_or_classes_are_refused():
    with pytest.raises(DataError, match="19 usable texts, and 20 are needed"):
        clean_texts(table([]).take(np.arange(19)))
    with pytest.raises(DataError, match="fewer than two classes"):
        clean_texts(table([]).hide_labels(np.arange(1, 30, 2)))
