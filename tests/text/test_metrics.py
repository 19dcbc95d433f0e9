import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.text.metrics import TEXT_METRICS, class_f1, score


def classes(labels, predicted, count):
    """Labels, and outputs whose largest is the predicted class."""
    return np.array(labels, np.float32), np.eye(count, dtype=np.float32)[list(predicted)]


def counts(labels, predicted, number):
    hits = sum(a == b == number for a, b in zip(labels, predicted, strict=True))
    wrong = sum(b == number for b in predicted) - hits
    missed = sum(a == number for a in labels) - hits
    return hits, wrong, missed


def f1(labels, predicted, number):
    hits, wrong, missed = counts(labels, predicted, number)
    return 2 * hits / (2 * hits + wrong + missed) if hits else 0.0


draws = st.integers(2, 5).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), min_size=1, max_size=40),
    )
)


@given(draws)
def test_class_metrics_match_counting(drawn):
    count, pairs = drawn
    labels, predicted = zip(*pairs, strict=True)
    given_ = classes(labels, predicted, count)
    right = sum(a == b for a, b in pairs) / len(pairs)
    named = sorted({*labels, *predicted})
    assert TEXT_METRICS["accuracy"].of(*given_) == pytest.approx(right)
    assert TEXT_METRICS["micro_f1"].of(*given_) == pytest.approx(right)
    assert TEXT_METRICS["macro_f1"].of(*given_) == pytest.approx(
        sum(f1(labels, predicted, c) for c in named) / len(named)
    )


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_matthews_matches_its_formula(pairs):
    labels, predicted = zip(*pairs, strict=True)
    tp, fp, fn = counts(labels, predicted, True)
    tn = len(pairs) - tp - fp - fn
    below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    expected = (tp * tn - fp * fn) / below if below else 0.0
    found = TEXT_METRICS["matthews"].of(*classes([int(x) for x in labels], [int(x) for x in predicted], 2))
    assert found == pytest.approx(expected)


def test_correlations_and_error_of_values():
    labels = np.array([0.0, 1, 2, 3], np.float32)
    outputs = np.array([[0.0], [1], [4], [9]], np.float32)
    assert TEXT_METRICS["pearson"].of(labels, outputs) == pytest.approx(15 / math.sqrt(5 * 49))
    assert TEXT_METRICS["spearman"].of(labels, outputs) == pytest.approx(1)
    assert TEXT_METRICS["rmse"].of(labels, outputs) == pytest.approx(math.sqrt(40 / 4))
    assert not TEXT_METRICS["rmse"].higher_is_better


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_constant_prediction_correlates_with_nothing(name):
    assert TEXT_METRICS[name].of(np.arange(3, dtype=np.float32), np.ones((3, 1), np.float32)) == 0
    assert TEXT_METRICS[name].of(np.ones(1, np.float32), np.ones((1, 1), np.float32)) == 0


def test_score_leaves_missing_labels_out_and_tells_each_class():
    labels, outputs = classes([0, 0, 1, 1], [0, 1, 1, 0], 3)
    labels[3] = np.nan
    scored = score(TEXT_METRICS["accuracy"], labels, outputs, ("a", "b", "c"))
    assert scored.value == pytest.approx(2 / 3)
    assert scored.per_task == {"a": pytest.approx(2 / 3), "b": pytest.approx(2 / 3)}
    assert scored.left_out == ("c",)


def test_no_label_at_all_is_no_score():
    labels, outputs = np.full(2, np.nan, np.float32), np.ones((2, 2), np.float32)
    scored = score(TEXT_METRICS["macro_f1"], labels, outputs, ("a", "b"))
    assert math.isnan(scored.value)
    assert scored.left_out == ("a", "b")


def test_a_class_that_is_never_predicted_has_f1_zero():
    assert class_f1(*classes([0, 1], [0, 0], 2), [1]) == [0.0]
