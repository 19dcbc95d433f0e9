from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molweight.molecules.fingerprints import ecfp4
from molweight.tasks import baselines
from molweight.tasks.baselines import RandomForest


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(baselines, "TREES", 12)


def test_each_task_is_the_forest_on_the_molecules_that_have_its_label(data, parts):
    labels = data.labels.copy()
    labels[parts["train"][:4], 1] = [0, 1, 0, 1]
    labels[parts["train"][4:], 1] = np.nan
    found = RandomForest.fit(replace(data, labels=labels), parts["train"], seed=3).predict(data.smiles)
    features = ecfp4(data.smiles)
    for task, train in enumerate((parts["train"], parts["train"][:4])):
        if data.kind == "classification":
            forest = RandomForestClassifier(12, class_weight="balanced", random_state=3)
            expected = forest.fit(features[train], labels[train, task]).predict_proba(features)[:, 1]
        else:
            forest = RandomForestRegressor(12, random_state=3)
            expected = forest.fit(features[train], labels[train, task]).predict(features)
        assert np.allclose(found[:, task], expected, atol=1e-6)


def test_no_label_outside_train_is_read(data, parts):
    labels = data.labels.copy()
    labels[np.concatenate([parts["valid"], parts["test"]])] = 0.5  # which no classifier would take
    first, second = (
        RandomForest.fit(d, parts["train"], seed=0).predict(data.smiles)
        for d in (data, replace(data, labels=labels))
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("present", "constant"), [([1.0, 1.0], 1.0), ([0.0, 0.0], 0.0), ([], 0.0)])
def test_one_class_or_no_label_gives_a_constant_and_leaves_the_other_task_alone(data, present, constant):
    labels = data.labels.copy()
    labels[:, 1] = np.nan
    labels[: len(present), 1] = present
    everything = np.arange(20)
    found = RandomForest.fit(replace(data, labels=labels), everything, seed=0).predict(data.smiles)
    assert (found[:, 1] == constant).all()
    whole = RandomForest.fit(data, everything, seed=0).predict(data.smiles)
    assert np.array_equal(found[:, 0], whole[:, 0])


def test_the_forest_follows_its_seed(data):
    everything = np.arange(20)
    forests = [RandomForest.fit(data, everything, seed=s).predict(data.smiles) for s in (0, 0, 1)]
    assert np.array_equal(forests[0], forests[1])
    assert not np.array_equal(forests[0], forests[2])
