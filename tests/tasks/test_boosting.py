from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from molweight.molecules.descriptors import rdkit_descriptors
from molweight.molecules.fingerprints import ecfp4
from molweight.molecules.scaled_descriptors import standardised
from molweight.tasks import baselines, boosting
from molweight.tasks.boosting import splittable
from molweight.tasks.methods import METHODS

FOREST = {"n_estimators": 12, "random_state": 0}
BOOSTING = {"max_iter": 10, "max_bins": 63, "early_stopping": False, "random_state": 0}
MODELS = {
    ("rf-descriptors", "classification"): RandomForestClassifier(class_weight="balanced", **FOREST),
    ("rf-descriptors", "regression"): RandomForestRegressor(**FOREST),
    ("gbdt", "classification"): HistGradientBoostingClassifier(
        max_iter=10, max_features=0.1, l2_regularization=10, early_stopping=False, random_state=0
    ),
    ("gbdt", "regression"): HistGradientBoostingRegressor(max_iter=10, early_stopping=False),
}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(baselines, "TREES", 12)
    monkeypatch.setattr(boosting, "ROUNDS", 10)


@pytest.mark.parametrize("method", ["rf-descriptors", "gbdt"])
def test_each_task_is_the_model_on_bits_and_descriptors_of_the_molecules_with_its_label(job, method):
    train = np.tile(job.split.train, 4)  # enough of them for boosting to split
    labels = job.data.labels.copy()
    labels[train[:6], 1], labels[train[6:12], 1] = labels[train[:6], 0], np.nan
    job = replace(job, split=replace(job.split, train=train), data=replace(job.data, labels=labels))
    found = METHODS[method](job).predict(np.arange(20))
    described = standardised(rdkit_descriptors(job.data.smiles)).astype(np.float32)
    features = np.hstack([ecfp4(job.data.smiles), np.nan_to_num(described)])
    for task, known in enumerate((train, train[np.arange(48) % 12 < 6])):
        drawn = method == "gbdt" and job.data.kind == "classification"  # else it is the same without the rest
        read = features[:, splittable(features[known], 20)] if drawn else features
        model = MODELS[method, job.data.kind].fit(read[known], labels[known, task])
        if job.data.kind == "regression":
            expected = model.predict(read)
        elif drawn:
            expected = model.decision_function(read)
        else:
            expected = model.predict_proba(read)[:, 1]
        assert np.allclose(found[:, task], expected, atol=1e-6)
    assert len(np.unique(found[:, 0])) > 1


@pytest.mark.parametrize("method", ["rf-descriptors", "gbdt"])
def test_descriptors_without_a_value_do_no_harm(job, method):
    smiles = ["[NH3]->[Fe+2]", *job.data.smiles[1:]]
    assert np.isnan(rdkit_descriptors(smiles[:1])).any()
    learned = METHODS[method](replace(job, data=replace(job.data, smiles=smiles)))
    assert np.isfinite(learned.predict(np.arange(20))).all()


def test_forests_and_the_boosting_of_classes_follow_their_seed(job):
    job = replace(job, split=replace(job.split, train=np.tile(job.split.train, 4)))
    for method in ("rf-descriptors", "gbdt"):
        first, again, other = (
            METHODS[method](replace(job, seed=seed)).predict(np.arange(20)) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        deterministic = method == "gbdt" and job.data.kind == "regression"
        assert np.array_equal(first, other) == deterministic


def test_boosting_says_how_likely_a_rare_class_is_and_no_more(job):
    train = np.tile(job.split.train, 20)
    labels = np.zeros_like(job.data.labels)
    labels[job.split.train[0]] = 1
    rare = replace(job, split=replace(job.split, train=train), data=replace(job.data, labels=labels))
    said = METHODS["gbdt"](rare).predict(job.split.train)
    probability = 1 / (1 + np.exp(-said)) if job.data.kind == "classification" else said
    assert probability.mean() == pytest.approx(1 / 12, rel=0.3)  # half, where classes are weighted


def test_only_columns_that_no_leaf_can_be_split_by_are_left_out():
    columns = {
        "19 ones": np.arange(50) < 19,
        "20 ones": np.arange(50) < 20,
        "30 ones": np.arange(50) < 30,
        "31 ones": np.arange(50) < 31,
        "constant": np.ones(50),
        "values": np.arange(50),
        "missing": np.where(np.arange(50) == 7, np.nan, 1.0),
    }
    features = np.stack(list(columns.values()), axis=1).astype(np.float32)
    kept = [list(columns)[i] for i in splittable(features, 20)]
    assert kept == ["20 ones", "30 ones", "values", "missing"]
    assert splittable(features[:30], 20).tolist() == [0]
    assert splittable(features[:, [0, 4]], 20).tolist() == [0]


def test_where_one_class_alone_is_known_boosting_says_so_in_logits(job):
    labels = job.data.labels.copy()
    labels[:, 1] = 1
    found = METHODS["gbdt"](replace(job, data=replace(job.data, labels=labels))).predict(np.arange(20))
    expected = 1 if job.data.kind == "regression" else np.log(2 * 12 - 1)  # as sure as 12 trees could be
    assert found[:, 1] == pytest.approx(expected, rel=1e-6)
