import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score, roc_auc_score

from molweight.transfer.scoring import mean_gain, score_task


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40))
def test_roc_auc_is_that_of_scikit_learn_with_ties(rows):
    labels, predicted = np.array(rows, np.float64).T
    found = score_task("classification", labels, predicted)
    if len(set(labels)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(labels, predicted), abs=1e-12)


def test_r2_is_that_of_scikit_learn():
    labels, predicted = np.random.default_rng(0).normal(size=(2, 20))
    assert score_task("regression", labels, predicted) == pytest.approx(r2_score(labels, predicted))


def test_r2_of_few_or_constant_labels_is_unknown():
    assert np.isnan(score_task("regression", np.arange(4.0), np.arange(4.0)))
    assert np.isnan(score_task("regression", np.ones(9), np.arange(9.0)))


def test_a_gain_has_the_interval_of_the_paired_t_test():
    from scipy.stats import ttest_1samp

    without, with_help = np.random.default_rng(0).normal(size=(2, 6))
    mean, low, high = mean_gain(with_help, without, 0.9)
    reference = ttest_1samp(with_help - without, 0).confidence_interval(0.9)
    assert (mean, low, high) == pytest.approx(((with_help - without).mean(), *reference))


def test_folds_without_a_score_do_not_count():
    mean, *_ = mean_gain(np.array([0.5, np.nan, 0.7]), np.array([0.4, 0.1, 0.5]), 0.95)
    assert mean == pytest.approx(0.15)
    assert np.isnan(mean_gain(np.array([0.5, np.nan]), np.array([0.4, 0.1]), 0.95)).all()
