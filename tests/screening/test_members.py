import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.store import store_from_smiles
from molweight.screening.members import FOLDS, cross_fit, draw_folds, head_inputs, outputs
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.consensus import Consensus
from molweight.tasks.data import TaskData
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.metrics import METRICS

CPU = torch.device("cpu")

SMILES = ["C" * n + end for n in range(1, 13) for end in ("O", "N", "Cl", "S")]


@pytest.fixture(params=["classification", "regression"])
def data(request):
    labels = np.array([[float("O" in s), float(len(s) > 6)] for s in SMILES], np.float32)
    if request.param == "regression":
        labels += np.array([[len(s), -len(s)] for s in SMILES])
    return TaskData(SMILES, store_from_smiles(SMILES), labels, ("first", "second"), request.param)


@given(st.integers(10, 200), st.integers(2, 7), st.integers(0, 5), st.floats(0.02, 0.98))
def test_folds_are_of_equal_size_and_share_out_each_class(molecules, count, seed, rate):
    labels = (np.random.default_rng(seed).random((molecules, 1)) < rate).astype(np.float32)
    folds = draw_folds(labels, "classification", count, seed)
    sizes = np.bincount(folds, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    for value in (0, 1):
        of_class = np.bincount(folds[labels[:, 0] == value], minlength=count)
        assert of_class.max() - of_class.min() <= 1


def test_folds_are_random_and_the_seed_decides_them():
    labels = np.zeros((50, 1), np.float32)
    first, again, other = (draw_folds(labels, "regression", 5, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert len(set(first[:10])) > 1


def test_no_member_sees_its_own_fold_and_each_molecule_is_predicted_by_the_one_that_did_not(data):
    seen = {}

    def fit(train, valid, number):
        assert not set(train) & set(valid)
        seen[number] = set(train) | set(valid)
        return RandomForest.fit(data, train, number)

    folds = draw_folds(data.labels, data.kind, FOLDS, 0)
    fitted = cross_fit(fit, data, folds, 0)
    assert len(fitted.members) == FOLDS
    for number, member in enumerate(fitted.members):
        own = np.flatnonzero(folds == number)
        assert seen[number] == set(range(len(SMILES))) - set(own)
        expected = outputs(member, data.smiles, data.store, own, data.kind)
        assert (fitted.out_of_fold[own] == expected).all()
    assert np.isfinite(fitted.out_of_fold).all()
    assert np.isnan(fitted.second).all()  # forests learn from all they are given


def test_a_network_gives_a_second_opinion_of_what_told_it_when_to_stop(data):
    torch.manual_seed(0)
    encoder, valids = GIN(2, 16), {}
    metric = METRICS["roc_auc" if data.kind == "classification" else "rmse"]

    def fit(train, valid, number):
        valids[number] = valid
        config = FinetuneConfig(epochs=1, patience=1)
        return finetune(encoder, data, train, valid, metric, config, Compute(CPU, torch.float32), number)

    folds = draw_folds(data.labels, data.kind, FOLDS, 0)
    fitted = cross_fit(fit, data, folds, 0)
    asked = np.unique(np.concatenate(list(valids.values())))
    assert np.flatnonzero(np.isfinite(fitted.second).all(axis=1)).tolist() == asked.tolist()
    for number, valid in valids.items():
        last = np.array([i for i in valid if not any(i in valids[k] for k in range(number + 1, FOLDS))])
        assert not (folds[valid] == number).any()
        expected = outputs(fitted.members[number], data.smiles, data.store, last, data.kind)
        assert fitted.second[last] == pytest.approx(expected, abs=1e-5)


def test_a_network_with_a_forest_is_asked_as_one_and_has_no_second_opinion(data):
    torch.manual_seed(0)
    encoder, data = GIN(2, 16), data.for_heads(HeadInputs(descriptors=True))
    metric = METRICS["roc_auc" if data.kind == "classification" else "rmse"]
    config = FinetuneConfig(epochs=1, patience=1, descriptors=True)

    def fit(train, valid, number):
        network = finetune(encoder, data, train, valid, metric, config, Compute(CPU, torch.float32), number)
        everything = np.concatenate([train, valid])
        return Consensus(network, (RandomForest.fit(data, everything, number, described=True),))

    fitted = cross_fit(fit, data, draw_folds(data.labels, data.kind, FOLDS, 0), 0)
    assert head_inputs(fitted.members) == HeadInputs(descriptors=True)
    assert np.isnan(fitted.second).all()  # the forest has learned from what told the network when to stop
    for number, member in enumerate(fitted.members):
        own = np.flatnonzero(fitted.folds == number)
        assert (fitted.out_of_fold[own] == member.predict(data.smiles, data.store, own)).all()


def test_boosted_trees_read_descriptors_and_speak_as_they_are(data):
    data = data.for_heads(HeadInputs(descriptors=True))
    fitted = cross_fit(
        lambda train, valid, number: Boosting.fit(data, np.concatenate([train, valid]), number),
        data,
        draw_folds(data.labels, data.kind, FOLDS, 0),
        0,
    )
    assert head_inputs(fitted.members) == HeadInputs(descriptors=True)
    assert np.isnan(fitted.second).all()
    for number, member in enumerate(fitted.members):
        own = np.flatnonzero(fitted.folds == number)
        smiles = [data.smiles[i] for i in own]
        assert (fitted.out_of_fold[own] == member.predict(smiles, data.store.descriptors[own])).all()


def test_labels_of_a_fold_have_no_influence_on_its_predictions(data):
    folds = draw_folds(data.labels, data.kind, FOLDS, 0)

    def predicted(labels):
        changed = TaskData(data.smiles, data.store, labels, data.tasks, data.kind)
        fit = lambda train, valid, number: RandomForest.fit(changed, train, number)  # noqa: E731
        return cross_fit(fit, changed, folds, 0).out_of_fold

    other = data.labels.copy()
    own = np.flatnonzero(folds == 2)
    other[own] = 1 - other[own]
    assert (predicted(data.labels)[own] == predicted(other)[own]).all()


def test_a_forest_on_descriptors_cannot_do_without(data):
    everything = np.arange(len(SMILES))
    with pytest.raises(ValueError, match="the store carries no descriptors"):
        RandomForest.fit(data, everything, 0, described=True)
    described = data.for_heads(HeadInputs(descriptors=True))
    member = RandomForest.fit(described, everything, 0, described=True)
    assert head_inputs([member]) == HeadInputs(descriptors=True)
    assert head_inputs([RandomForest.fit(described, everything, 0)]) == HeadInputs()
    with pytest.raises(ValueError, match="the store carries no descriptors"):
        outputs(member, data.smiles, data.store, everything, data.kind)


def test_a_forest_speaks_in_logits_that_are_finite(data):
    member = RandomForest.fit(data, np.arange(len(SMILES)), 0)
    found = outputs(member, data.smiles, data.store, np.arange(len(SMILES)), data.kind)
    plain = member.predict(data.smiles)
    if data.kind == "regression":
        assert (found == plain).all()
    else:
        assert np.isfinite(found).all()
        inside = (plain > 0.01) & (plain < 0.99)
        assert 1 / (1 + np.exp(-found[inside])) == pytest.approx(plain[inside], abs=1e-5)
