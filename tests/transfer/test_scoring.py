import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score, roc_auc_score

from molweight.transfer.scoring import score_task


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
