from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

from molweight.transfer import reference
from molweight.transfer.designs import Grid, TransferConfig
from molweight.transfer.folds import make_folds
from molweight.transfer.reference import forest_alone
from molweight.transfer.setting import make_setting


@pytest.fixture
def fold(data):
    return make_folds(data, "compound", 4, 0)[0]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(reference, "TREES", 10)


def test_a_score_is_that_of_a_forest_for_the_sample(data, fold):
    setting = make_setting(data, TransferConfig(seed=3), Grid((8, 40, 1_000), (8,), (8,)))
    found = forest_alone(setting, fold)
    own, test, x, y = fold.orders[1][:40], fold.tests[1], setting.features.values, data.labels[:, 1]
    forest = RandomForestRegressor(10, max_features=1 / 3, random_state=3).fit(x[own], y[own])
    assert found[1, 1] == pytest.approx(r2_score(y[test], forest.predict(x[test])), abs=1e-6)
    assert found.shape == (3, 3)
    assert np.isnan(found[2]).all()


def test_classes_are_ranked_and_a_sample_of_one_class_ranks_nothing(data, fold):
    labels = np.where(np.isnan(data.labels), np.nan, data.labels > np.nanmedian(data.labels, 0))
    labels[fold.orders[2], 2] = 1
    classes = replace(data, labels=labels.astype(np.float32), kind="classification")
    found = forest_alone(make_setting(classes, TransferConfig(), Grid((8, 40), (8,), (8,))), fold)
    assert found[1, 0] > 0.7
    np.testing.assert_array_equal(found[:, 2], 0.5)
