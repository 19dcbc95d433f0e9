"""The model in DeepChem's own pipeline: loaders, splitters, transformers, metrics and saved models."""

import logging

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from molweight.errors import CheckpointError, ConfigError, DataError

dc = pytest.importorskip("deepchem")

from molweight.deepchem import MolweightFeaturizer, MolweightModel  # noqa: E402


@pytest.fixture
def options(small_checkpoint):
    return {"methods": "finetune", "budget": "smoke", "checkpoint": small_checkpoint, "device": "cpu"}


@pytest.fixture
def classes(molecules, hetero):
    """Two tasks, of which the second lacks every fourth label."""
    y = np.stack([hetero > 0, hetero > 1], axis=1).astype(float)
    w = np.ones_like(y)
    w[::4, 1], y[::4, 1] = 0, 0
    return dc.data.NumpyDataset(MolweightFeaturizer()(molecules), y, w, ids=molecules)


@pytest.fixture
def values(molecules, hetero):
    return dc.data.NumpyDataset(MolweightFeaturizer()(molecules), hetero[:, None] * 3 + 10, ids=molecules)


def test_features_are_molecules_in_an_object_array():
    features = MolweightFeaturizer().featurize(["OCC", "C1=CC=CC=C1"])
    assert features.dtype == object
    assert features.tolist() == ["CCO", "c1ccccc1"]


def test_what_is_not_a_molecule_is_an_empty_array_and_logged(caplog):
    with caplog.at_level(logging.WARNING):
        features = MolweightFeaturizer().featurize(["CCO", "C1CC", ""])
    assert features[0] == "CCO"
    assert [f.size for f in features[1:]] == [0, 0]
    assert "Failed to featurize datapoint 1" in caplog.text
    assert MolweightFeaturizer().featurize(["C1CC"])[0].size == 0


def test_a_loader_leaves_out_what_is_not_a_molecule(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("smiles,logS\nCCO,1\nC1CC,2\nCCC,3\n")
    loader = dc.data.CSVLoader(["logS"], feature_field="smiles", featurizer=MolweightFeaturizer())
    dataset = loader.create_dataset(str(path))
    assert dataset.X.tolist() == ["CCO", "CCC"]
    assert dataset.y.tolist() == [[1], [3]]


def test_classes_are_scored_over_the_labels_that_are_there(classes, options):
    model = MolweightModel(2, "classification", **options)
    assert 0 <= model.fit(classes) <= 1
    predicted = model.predict(classes)
    assert predicted.shape == (40, 2, 2)
    assert np.allclose(predicted.sum(2), 1)
    metric = dc.metrics.Metric(dc.metrics.roc_auc_score, np.mean)
    score = model.evaluate(classes, [metric])["mean-roc_auc_score"]
    each = [roc_auc_score(classes.y[:, task], predicted[:, task, 1]) for task in (0, 1)]
    assert score == pytest.approx(np.mean(each))


def test_a_label_of_weight_zero_is_missing(classes, options):
    """Whatever stands in its place."""
    other = classes.y.copy()
    other[classes.w == 0] = 1
    changed = dc.data.NumpyDataset(classes.X, other, classes.w)
    found = []
    for dataset in (classes, changed):
        model = MolweightModel(2, "classification", **options)
        model.fit(dataset)
        found.append(model.predict(classes))
    assert np.array_equal(*found)
    assert np.isnan(model.model.model_.conformal.labels[:, 1]).sum() == 10


def test_other_weights_are_not_used_and_that_is_said(classes, options, caplog):
    plain, balanced = (MolweightModel(2, "classification", **options) for _ in range(2))
    plain.fit(classes)
    assert "are not used" not in caplog.text
    weighted = dc.trans.BalancingTransformer(classes).transform(classes)
    assert not np.isin(weighted.w, (0, 1)).all()
    with caplog.at_level(logging.WARNING):
        balanced.fit(weighted)
    assert "are not used" in caplog.text
    assert np.array_equal(plain.predict(classes), balanced.predict(classes))


def test_a_task_with_one_class_is_learnt_beside_others(classes, options):
    y = classes.y.copy()
    y[:, 1] = 0
    model = MolweightModel(2, "classification", **options)
    model.fit(dc.data.NumpyDataset(classes.X, y, classes.w))
    assert (model.predict(classes)[:, 1, 1] < 0.5).all()


def test_normalised_labels_come_back_in_their_units(values, options):
    transformer = dc.trans.NormalizationTransformer(transform_y=True, dataset=values)
    normalised = transformer.transform(values)
    model = MolweightModel(1, **options)
    model.fit(normalised)
    predicted = model.predict(normalised, [transformer])
    assert predicted.shape == (40, 1)
    assert np.allclose(predicted, model.predict(normalised) * values.y.std() + values.y.mean())
    scores = model.evaluate(normalised, [dc.metrics.Metric(dc.metrics.rms_score)], [transformer])
    expected = np.sqrt(np.mean((predicted - values.y) ** 2))
    assert scores["rms_score"] == pytest.approx(expected)


def test_a_saved_model_is_the_same_when_reloaded(values, options, tmp_path):
    model = MolweightModel(1, model_dir=str(tmp_path), **options)
    model.fit(values)
    model.save()
    model.save()
    again = MolweightModel(1, model_dir=str(tmp_path), device="cpu")
    again.reload()
    assert np.array_equal(again.predict(values), model.predict(values))
    assert [path.name for path in tmp_path.iterdir()] == ["property_model"]
    with pytest.raises(CheckpointError, match="regression of 1 tasks, not regression of 2"):
        MolweightModel(2, model_dir=str(tmp_path), device="cpu").reload()
    with pytest.raises(CheckpointError):
        MolweightModel(1, model_dir=str(tmp_path / "none"), device="cpu").reload()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((40, 8))}, "MolweightFeaturizer"),
        ({"y": np.zeros((40, 2))}, "has 2 tasks, the model 1"),
        ({"y": np.full((40, 1), 0.5)}, "labels 0 and 1"),
        ({"w": np.zeros((40, 1))}, "not all of them missing"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(molecules, hetero, options, change, message):
    parts = {"X": np.array(molecules, object), "y": (hetero > 0).astype(float)[:, None]} | change
    with pytest.raises(DataError, match=message):
        MolweightModel(1, "classification", **options).fit(dc.data.NumpyDataset(**parts))


def test_what_it_is(options):
    model = MolweightModel(3, "classification", **options)
    assert (model.get_task_type(), model.get_num_tasks()) == ("classification", 3)
    with pytest.raises(ConfigError, match="ranking"):
        MolweightModel(1, "ranking", **options)
