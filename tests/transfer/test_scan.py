import numpy as np
import pytest

from molweight.transfer.closed_form import Help, Helper, learn, standardised
from molweight.transfer.designs import Grid
from molweight.transfer.features import make_features
from molweight.transfer.folds import make_folds
from molweight.transfer.scan import pooled, scan_alone, scan_context, scan_helper
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import Setting


@pytest.fixture
def setting(data):
    return Setting(data, make_features(data.smiles, "ecfp4"), Grid((8, 16, 64), (8, 64), (20, 200)))


@pytest.fixture
def fold(data):
    return make_folds(data, "compound", 4, 0)[1]


def test_a_score_is_that_of_learning_from_the_two_samples(setting, fold):
    own, other, test = fold.orders[0][:16], fold.orders[1][:64], fold.tests[0]
    k, labels = setting.features.kernel, setting.data.labels.astype(np.float64)
    helper = Helper.of(k(other, other), standardised(labels[other, 1]))
    help = Help(helper, k(other, own), k(other, test))
    predicted = learn(k(own, own), k(test, own), labels[own, 0], help).values
    found = scan_helper(setting, fold, 1)
    assert found[1, 1, 0] == pytest.approx(score_task("regression", labels[test, 0], predicted), abs=1e-9)


def test_a_like_task_helps_and_noise_does_not(setting, fold):
    alone, like, noise = (
        scan_alone(setting, fold),
        scan_helper(setting, fold, 1),
        scan_helper(setting, fold, 2),
    )
    assert like[0, 1, 0] > alone[0, 0] + 0.2
    assert noise[0, 1, 0] < like[0, 1, 0] - 0.2


def test_a_task_does_not_help_itself(setting, fold):
    assert np.isnan(scan_helper(setting, fold, 1)[:, :, 1]).all()


def test_a_size_that_a_task_does_not_have_has_no_score(data, fold):
    large = Setting(data, make_features(data.smiles, "ecfp4"), Grid((8, 16, 1_000), (8, 1_000), (20, 200)))
    assert np.isnan(scan_alone(large, fold)[2]).all()
    found = scan_helper(large, fold, 1)
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:2, 0, 0]).all()


def test_context_counts_the_samples_of_all_others(setting, fold):
    scores, counts = scan_context(setting, fold, 0)
    assert scores.shape == (3, 2)
    available = [min(each, len(fold.orders[j])) for each in (10, 100) for j in (1, 2)]
    np.testing.assert_array_equal(counts, [sum(available[:2]), sum(available[2:])])


def test_pooled_labels_are_means_of_standardised_ones(setting, fold):
    molecules, labels, weights = pooled(setting.data, fold, 2, 40)
    table = setting.data.labels.astype(np.float64)
    firsts = {j: fold.orders[j][:20] for j in (0, 1)}
    scaled = {j: dict(zip(firsts[j], standardised(table[firsts[j], j]), strict=True)) for j in firsts}
    for molecule, label, weight in zip(molecules, labels, weights, strict=True):
        mine = [scaled[j][molecule] for j in scaled if molecule in scaled[j]]
        assert weight == len(mine)
        assert label == pytest.approx(np.mean(mine))
    assert not set(molecules) & set(np.concatenate(fold.tests))


def test_a_weight_is_so_many_measurements():
    """Kernel ridge regression on rows repeated w times, and on one of weight w."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(6, 2)), generator.normal(size=6)
    kernel, weights = np.exp(-((x[:, None] - x[None]) ** 2).sum(2)), np.array([1, 2, 3, 1, 1, 2])
    rows = np.repeat(np.arange(6), weights)
    repeated = kernel[:, rows] @ np.linalg.solve(
        kernel[np.ix_(rows, rows)] + 0.3 * np.eye(len(rows)), y[rows]
    )
    root = np.sqrt(weights)
    helper = Helper.of(root[:, None] * kernel * root, root * y)
    alpha = helper.vectors @ (helper.rotated / (helper.values + 0.3))
    np.testing.assert_allclose((root[:, None] * kernel).T @ alpha, repeated, rtol=1e-9)
