"""The estimator by itself, in scikit-learn's machinery, and on disk."""

import inspect
import json

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from molweight import PropertyModel
from molweight.cli.adapt import adapt as adapt_command
from molweight.errors import CheckpointError, ConfigError
from molweight.molecules.store import store_from_smiles
from molweight.screening.adapt import AdaptConfig


@pytest.fixture(scope="session")
def untrained(small_checkpoint):
    return PropertyModel(methods="finetune", budget="smoke", checkpoint=small_checkpoint, device="cpu")


@pytest.fixture(scope="session")
def regressor(untrained, molecules, hetero):
    return clone(untrained).fit(molecules, 3 * hetero + 10)


@pytest.fixture(scope="session")
def classifier(untrained, molecules, hetero):
    return clone(untrained).fit(molecules, np.where(hetero > 0, "polar", "greasy"))


@pytest.fixture(scope="session")
def several(untrained, molecules, hetero):
    """Two tasks of classes, of which the second lacks every fourth label, and one molecule has none."""
    second = np.where(np.arange(len(hetero)) % 4 == 0, np.nan, hetero > 0).astype(float)
    table = pd.DataFrame({"polar": (hetero > 0).astype(float), "rare": second})
    table.loc[7] = np.nan
    return clone(untrained).fit(molecules, table)


def test_regression_gives_what_its_model_gives(regressor, molecules):
    expected = regressor.model_.predict(molecules, store_from_smiles(molecules), 0.8)
    lower, upper = regressor.predict_interval(molecules, coverage=0.8)
    assert regressor.task_ == "regression"
    assert np.array_equal(regressor.predict(molecules), expected.value[:, 0])
    assert np.array_equal(lower, expected.lower[:, 0])
    assert np.array_equal(upper, expected.upper[:, 0])
    assert np.isfinite(lower).all()
    assert (lower < upper).all()


def test_the_coverage_of_an_interval_is_that_of_the_model_unless_another_is_asked(regressor, molecules):
    lower, upper = regressor.predict_interval(molecules)
    narrower = regressor.predict_interval(molecules, coverage=0.5)
    assert np.array_equal(lower, regressor.predict_interval(molecules, coverage=0.9)[0])
    assert (narrower[1] - narrower[0] < upper - lower).all()
    with pytest.raises(ValueError, match=r"from 0\.5 to below 1, got 1"):
        regressor.predict_interval(molecules, coverage=1)


def test_classes_are_the_two_labels(classifier, molecules):
    probabilities = classifier.predict_proba(molecules)
    assert classifier.classes_.tolist() == ["greasy", "polar"]
    assert probabilities.shape == (len(molecules), 2)
    assert np.allclose(probabilities.sum(1), 1)
    expected = classifier.model_.predict(molecules, store_from_smiles(molecules), 0.7)
    assert np.array_equal(probabilities[:, 1], expected.value[:, 0])
    assert np.array_equal(classifier.predict_set(molecules, 0.7), expected.sets[:, 0])
    assert np.array_equal(classifier.predict(molecules), classifier.classes_[probabilities.argmax(1)])


def test_several_tasks(several, molecules):
    probabilities, sets = several.predict_proba(molecules), several.predict_set(molecules)
    assert [pair.tolist() for pair in several.classes_] == [[0, 1], [0, 1]]
    assert [p.shape for p in probabilities] == [(40, 2)] * 2
    assert [s.shape for s in sets] == [(40, 2)] * 2
    expected = np.stack([p.argmax(1) for p in probabilities], axis=1)
    assert np.array_equal(several.predict(molecules), expected)
    assert several.model_.about.tasks == ("polar", "rare")


def test_a_molecule_without_a_label_is_no_part_of_the_model(several, molecules):
    assert several.report_["without_label"] == 1
    assert several.report_["molecules"] == 39
    assert molecules[7] not in several.model_.smiles


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        ([0, 1], "classification"),
        ([0.0, 1.0], "classification"),
        ([True, False], "classification"),
        (["no", "yes"], "classification"),
        ([1, 2], "regression"),
        ([0.0, 0.5], "regression"),
    ],
)
def test_what_labels_are_taken_for(untrained, molecules, labels, task):
    y = np.array(labels)[np.arange(len(molecules)) % 2]
    assert clone(untrained).fit(molecules, y).task_ == task


def test_two_numbers_are_classes_where_it_is_said(untrained, molecules, hetero):
    y = np.where(hetero > 0, 7, -3)
    model = clone(untrained).set_params(task="classification").fit(molecules, y)
    assert set(model.predict(molecules)) <= {-3, 7}
    assert model.classes_.dtype == y.dtype


def test_molecules_come_in_many_containers(regressor, molecules):
    expected = regressor.predict(molecules)
    column = np.array(molecules, dtype=object)[:, None]
    for X in (tuple(molecules), np.array(molecules), column, pd.Series(molecules), pd.DataFrame(column)):
        assert np.array_equal(regressor.predict(X), expected)
    mols = [Chem.MolFromSmiles(text) for text in molecules]
    assert np.allclose(regressor.predict(mols), expected, atol=1e-4)  # atoms in RDKit's own order


def test_what_is_not_a_molecule_is_named(regressor, untrained, molecules, hetero):
    broken = [*molecules[:3], "C1CC", *molecules[4:]]
    for call in (lambda: regressor.predict(broken), lambda: clone(untrained).fit(broken, hetero)):
        with pytest.raises(ValueError, match=r"X\[3\]: 'C1CC' is not a molecule: not valid SMILES"):
            call()
    with pytest.raises(ValueError, match=r"unlabelled\[1\]: 'nope' is not"):
        clone(untrained).fit(molecules, hetero, unlabelled=["CC", "nope"])
    with pytest.raises(ValueError, match=r"X\[1\]: None is neither"):
        regressor.predict(["CC", None])
    with pytest.raises(ValueError, match=r"X\[0\]: .*2.5.* is neither a SMILES"):
        regressor.predict([2.5])
    with pytest.raises(ValueError, match="single molecule"):
        regressor.predict("CC")
    with pytest.raises(ValueError, match="2 columns"):
        regressor.predict([["CC", "CCC"]])


def test_a_text_far_on_is_named_by_its_own_position(regressor, monkeypatch):
    monkeypatch.setattr("molweight.screening.estimator.AT_A_TIME", 3)
    with pytest.raises(ValueError, match=r"X\[4\]: 'nope'"):
        regressor.predict(["C", "CC", "CCC", "O", "nope"])


def test_pieces_are_predicted_as_the_whole(regressor, molecules, monkeypatch):
    whole = regressor.predict(molecules)
    monkeypatch.setattr("molweight.screening.estimator.AT_A_TIME", 7)
    assert np.allclose(regressor.predict(molecules), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "ranking"}, "task must be auto, class"),
        ({"methods": "guess"}, "guess"),
        ({"budget": "huge"}, "huge"),
        ({"objectives": "hope"}, "hope"),
        ({"coverage": 1.5}, "1.5"),
        ({"device": "abacus"}, "abacus"),
        ({"random_state": -1}, "-1"),
    ],
)
def test_parameters_are_checked_when_fitted(untrained, molecules, hetero, change, message):
    with pytest.raises(ValueError, match=message):
        clone(untrained).set_params(**change).fit(molecules, hetero)


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (np.arange(39.0), "auto", "inconsistent numbers of samples"),
        (np.full(40, np.nan), "auto", "no labels"),
        (np.arange(40) % 3, "classification", "multiclass"),
        (np.zeros(40), "classification", "1 classes"),
        (np.where(np.arange(40) == 6, np.inf, 0.5), "regression", r"infinity \(row 6\)"),
        (["high"] * 40, "regression", "not numbers"),
    ],
)
def test_labels_are_checked(untrained, molecules, y, task, message):
    with pytest.raises(ValueError, match=message):
        clone(untrained).set_params(task=task).fit(molecules, y)


def test_nothing_is_predicted_before_it_is_fitted(untrained):
    for call in (untrained.predict, untrained.predict_proba, untrained.predict_interval):
        with pytest.raises(NotFittedError):
            call(["CC"])
    with pytest.raises(NotFittedError):
        untrained.save("nowhere")


def test_the_program_tries_the_same_methods():
    asked = inspect.signature(adapt_command).parameters["methods"].default
    assert asked == AdaptConfig().methods == PropertyModel().methods


def test_a_model_of_one_kind_lacks_the_methods_of_the_other(regressor, classifier):
    assert not hasattr(regressor, "predict_proba")
    assert not hasattr(regressor, "predict_set")
    assert not hasattr(classifier, "predict_interval")


def test_scikit_learn_knows_what_it_is(untrained, regressor, classifier):
    assert is_classifier(classifier)
    assert is_regressor(regressor)
    assert is_classifier(clone(untrained).set_params(task="classification"))
    assert not is_classifier(untrained)
    assert not is_regressor(untrained)


def test_scores_are_those_of_scikit_learn(regressor, classifier, molecules, hetero):
    y, words = 3 * hetero + 10, np.where(hetero > 0, "polar", "greasy")
    weights = np.linspace(0.1, 1, len(y))
    assert regressor.score(molecules, y) == r2_score(y, regressor.predict(molecules))
    assert regressor.score(molecules, y, weights) == r2_score(
        y, regressor.predict(molecules), sample_weight=weights
    )
    assert classifier.score(molecules, words) == accuracy_score(words, classifier.predict(molecules))


def test_scores_leave_missing_labels_out(several, molecules):
    predicted = several.predict(molecules).astype(float)
    truth = predicted.copy()
    truth[:10, 0], truth[10:30, 1] = 1 - truth[:10, 0], np.nan
    assert several.score(molecules, truth) == pytest.approx((0.75 + 1) / 2)
    with pytest.raises(ValueError, match="predictions are"):
        several.score(molecules, truth[:, 0])


@pytest.mark.parametrize("method", ["equal", "tapweight"])
def test_weights_of_the_objectives(untrained, molecules, hetero, method):
    names = "attribute_masking,edge_prediction"
    model = clone(untrained).set_params(methods=method, objectives=names)
    weights = model.fit(molecules, hetero, unlabelled=["CCCCCl", "CCBr"]).objective_weights_
    assert list(weights) == names.split(",")
    assert sum(weights.values()) == pytest.approx(1)
    assert (weights == {"attribute_masking": 0.5, "edge_prediction": 0.5}) == (method == "equal")
    assert model.report_["unlabelled"] == 2


def test_the_report_is_json_and_tells_what_was_tried(regressor):
    report = json.loads(json.dumps(regressor.report_, allow_nan=False))
    assert report == regressor.report_
    assert regressor.objective_weights_ is None
    assert report["method"] == "finetune"
    assert [(t["method"], t["seed"]) for t in report["trials"]] == [("finetune", 0)]
    assert report["out_of_fold"] > 0


def test_the_same_seed_gives_the_same_numbers(untrained, regressor, molecules, hetero):
    again = clone(untrained).fit(molecules, 3 * hetero + 10)
    other = clone(untrained).set_params(random_state=np.random.RandomState(1)).fit(molecules, 3 * hetero + 10)
    assert np.array_equal(again.predict(molecules), regressor.predict(molecules))
    assert not np.array_equal(other.predict(molecules), regressor.predict(molecules))


def test_fitting_says_nothing_unless_it_is_asked_to(untrained, molecules, hetero, capfd):
    clone(untrained).fit(molecules, hetero)
    assert capfd.readouterr() == ("", "")
    clone(untrained).set_params(verbose=True).fit(molecules, hetero)
    assert "chosen by validation: finetune" in capfd.readouterr().err


def test_fitting_anew_leaves_nothing_of_the_last_fit(untrained, molecules, hetero):
    model = clone(untrained).fit(molecules, hetero > 0)
    model.fit(molecules, hetero)
    assert not hasattr(model, "classes_")
    assert model.task_ == "regression"


def test_cross_validation_stratifies_and_scores_probabilities(untrained, molecules, hetero):
    model = clone(untrained).set_params(task="classification")
    found = cross_val_score(model, molecules, hetero > 0, cv=2, scoring="roc_auc", error_score="raise")
    assert found.shape == (2,)
    assert ((found >= 0) & (found <= 1)).all()


def test_grid_search_over_a_pipeline_that_standardises(untrained, molecules, hetero):
    def canonical(texts):
        return [Chem.CanonSmiles(text) for text in texts]

    pipeline = make_pipeline(FunctionTransformer(canonical), clone(untrained))
    grid = {"propertymodel__coverage": [0.8], "propertymodel__random_state": [0, 1]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(molecules, hetero)
    assert search.predict(molecules).shape == (40,)
    assert search.best_estimator_[-1].coverage == 0.8


@pytest.mark.slow
def test_two_processes_of_joblib(untrained, molecules, hetero):
    found = cross_validate(
        untrained, molecules, hetero, cv=2, n_jobs=2, return_estimator=True, error_score="raise"
    )
    alone = cross_validate(untrained, molecules, hetero, cv=2, error_score="raise")
    assert np.allclose(found["test_score"], alone["test_score"], atol=1e-5)
    assert all(np.isfinite(model.predict(molecules)).all() for model in found["estimator"])


@pytest.mark.parametrize("name", ["regressor", "classifier", "several"])
def test_a_saved_model_predicts_the_same(name, request, molecules, tmp_path):
    model = request.getfixturevalue(name)
    model.save(tmp_path / "model")
    again = PropertyModel.load(tmp_path / "model", device="cpu")
    assert again.get_params() == model.get_params()
    assert np.array_equal(again.predict(molecules), model.predict(molecules))
    assert again.report_ == model.report_
    if model.task_ == "classification":
        assert np.array_equal(again.predict_set(molecules), model.predict_set(molecules))
        assert str(again.classes_) == str(model.classes_)
    again.save(tmp_path / "again")
    assert (tmp_path / "again/training.csv").read_bytes() == (tmp_path / "model/training.csv").read_bytes()


@pytest.mark.slow
def test_a_forest_is_saved_too(untrained, molecules, hetero, tmp_path):
    model = clone(untrained).set_params(methods="rf").fit(molecules, hetero)
    model.save(tmp_path / "model")
    assert np.allclose(PropertyModel.load(tmp_path / "model").predict(molecules), model.predict(molecules))


def test_a_folder_with_something_in_it_is_not_written_to(regressor, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigError, match="not an empty folder"):
        regressor.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "did not write"),
        (lambda path: path.write_text("{"), "cannot be read"),
        (lambda path: path.write_text("{}"), "cannot be read"),
        (lambda path: path.write_text(path.read_text().replace('"|O"', '"<M8"')), "cannot be read"),
        (lambda path: path.write_text(path.read_text().replace('"greasy",', "")), "cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused(classifier, tmp_path, damage, message):
    classifier.save(tmp_path / "model")
    damage(tmp_path / "model" / "estimator.json")
    with pytest.raises(CheckpointError, match=message):
        PropertyModel.load(tmp_path / "model")
