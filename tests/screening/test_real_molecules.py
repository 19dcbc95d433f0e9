"""Does it hold for molecules? Linear members on fingerprints, cut at random, fitted anew for several cuts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from molweight.benchmarks.loading import load_data_set
from molweight.molecules.fingerprints import ecfp4
from molweight.screening.calibration import PlattScaling, reliability
from molweight.screening.conformal import CrossIntervals, CrossSets
from molweight.screening.domain import Domain

pytestmark = pytest.mark.slow
MEMBERS = 5


def cross_fitted(name, data_folder, cuts):
    """For each cut: SMILES of train and test, labels, folds, and each member's predictions of all."""
    data = load_data_set(name, data_folder).data
    labels, bits = data.labels[:, 0], ecfp4(data.smiles).astype(np.float32)
    for seed in range(cuts):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(labels))[:1000]
        train, test = order[:700], order[700:]
        folds = np.arange(len(train)) % MEMBERS
        members = []
        for member in range(MEMBERS):
            seen = train[folds != member]
            if data.kind == "regression":
                members.append(Ridge(10.0).fit(bits[seen], labels[seen]).predict(bits[order]))
            else:
                model = LogisticRegression(C=10.0, max_iter=1000).fit(bits[seen], labels[seen])
                members.append(model.decision_function(bits[order]))
        predicted = np.array(members, np.float32)[:, :, None]  # [members, molecules, 1]
        known = predicted[folds, np.arange(len(train))]
        texts = [data.smiles[i] for i in train], [data.smiles[i] for i in test]
        yield texts, (labels[train, None], labels[test, None]), folds, known, predicted[:, len(train) :]


def test_intervals_cover_solubilities_and_errors_are_larger_outside_the_domain(data_folder):
    covered, inside_errors, outside_errors = [], [], []
    for texts, labels, folds, known, predicted in cross_fitted("esol", data_folder, cuts=5):
        lower, upper = CrossIntervals.fit(known, labels[0], folds).intervals(predicted, 0.9)
        covered.append(((lower <= labels[1]) & (labels[1] <= upper)).mean())
        assert np.median(upper - lower) < 2 * 3.3 * labels[1].std()  # narrower than without a model
        errors = np.abs(predicted.mean(axis=0) - labels[1])[:, 0]
        inside = Domain.fit(texts[0]).nearest(texts[1]).inside
        assert 0.85 < inside.mean() < 1
        inside_errors += errors[inside].tolist()
        outside_errors += errors[~inside].tolist()
    assert 0.87 < np.mean(covered) < 0.95
    assert np.mean(outside_errors) > np.mean(inside_errors)


def test_sets_cover_both_classes_and_scaling_puts_probabilities_right(data_folder):
    hits, raw, calibrated = [], [], []
    for _, labels, folds, known, predicted in cross_fitted("bbbp", data_folder, cuts=5):
        sets = CrossSets.fit(known, labels[0], folds).sets(predicted, 0.9)[:, 0]
        hits.append([sets[labels[1][:, 0] == label, label].mean() for label in (0, 1)])
        mean = predicted.mean(axis=0)
        untouched = PlattScaling(np.ones(1), np.zeros(1), np.zeros(1, bool))
        for scaling, errors in ((untouched, raw), (PlattScaling.fit(known, labels[0]), calibrated)):
            errors.append(reliability(scaling.apply(mean), labels[1]).expected_error()[0])
    assert (np.mean(hits, axis=0) > 0.86).all()
    assert (np.mean(hits, axis=0) < 0.97).all()
    assert np.mean(calibrated) < np.mean(raw)
