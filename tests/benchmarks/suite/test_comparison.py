import math
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from molweight.benchmarks.suite.comparison import (
    drawn_gain,
    gain,
    mean_of_differences,
    paired_difference,
    percentile_interval,
    verdict,
)
from molweight.benchmarks.suite.redrawing import resample, seed_weights
from molweight.screening.bootstrap import draw_counts
from molweight.tasks.metrics import MAE, RMSE, ROC_AUC

ONE_SPLIT = {0: "same", 1: "same"}


@pytest.fixture
def classes():
    """Labels of 40 molecules and 2 tasks, and what each of two methods predicts with two seeds."""
    generator = np.random.default_rng(0)
    labels = (generator.random((40, 2)) < 0.4).astype(np.float32)
    labels[generator.random(labels.shape) < 0.2] = np.nan
    predicted = {
        name: {seed: np.round(generator.normal(size=(40, 2)), 1).astype(np.float32) for seed in range(2)}
        for name in ("a", "b")
    }
    return {0: labels, 1: labels}, predicted


def test_the_interval_over_seeds_is_that_of_a_paired_t_test():
    ours, theirs = [0.61, 0.72, 0.66, 0.7], [0.6, 0.65, 0.67, 0.62]
    interval = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert paired_difference(ours, theirs)[1:] == pytest.approx(interval)
    assert math.isnan(paired_difference([0.5], [0.4])[1])


def test_the_mean_over_sets_of_one_set_and_of_equal_ones():
    ours, theirs = [0.61, 0.72, 0.66, 0.7], [0.6, 0.65, 0.67, 0.62]
    alone = paired_difference(ours, theirs)
    assert mean_of_differences([(ours, theirs)]) == pytest.approx(alone)
    mean, low, high = mean_of_differences([(ours, theirs)] * 4)  # half the error, 12 degrees of freedom
    shrunk = stats.t.ppf(0.975, 12) / stats.t.ppf(0.975, 3) / 2
    assert (mean, high - low) == pytest.approx((alone[0], shrunk * (alone[2] - alone[1])))
    assert math.isnan(mean_of_differences([(ours, theirs), ([0.5], [0.4])])[1])
    assert mean_of_differences([([1.0, 1.0], [0.0, 0.0])]) == (1, 1, 1)


def test_draws_are_those_of_scikit_learn_and_the_same_for_all_methods_and_seeds(classes):
    labels, predicted = classes
    drawn = resample(ROC_AUC, labels, ONE_SPLIT, predicted, "bbbp", draws=30)
    counts = draw_counts(40, (crc32(b"bbbp"), 0), 30).astype(int)
    for method in ("a", "b"):
        for seed in range(2):
            for row, found in zip(counts, drawn[method][seed], strict=True):
                molecules = np.repeat(np.arange(40), row)
                truth, values = labels[0][molecules], predicted[method][seed][molecules]
                each = [
                    roc_auc_score(truth[known, task], values[known, task])
                    for task in range(2)
                    if (known := ~np.isnan(truth[:, task])) is not None
                ]
                assert found == pytest.approx(np.mean(each), abs=1e-9)


def test_seeds_with_splits_of_their_own_are_drawn_within_them(classes):
    labels, predicted = classes
    twice = {"a": {0: predicted["a"][0], 1: predicted["a"][0]}}
    one = resample(ROC_AUC, labels, ONE_SPLIT, twice, "bbbp", draws=20)["a"]
    own = resample(ROC_AUC, labels, {0: "first", 1: "second"}, twice, "bbbp", draws=20)["a"]
    assert np.array_equal(one[0], one[1])
    assert np.array_equal(own[0], one[0])
    assert not np.allclose(own[0], own[1])
    other = resample(ROC_AUC, labels, ONE_SPLIT, twice, "bace", draws=20)["a"]
    assert not np.allclose(other[0], one[0])


def test_a_method_against_itself_gains_nothing_in_any_draw(classes):
    labels, predicted = classes
    drawn = resample(ROC_AUC, labels, ONE_SPLIT, {"a": predicted["a"], "b": predicted["a"]}, "x", draws=20)
    assert np.all(drawn_gain(ROC_AUC, drawn["a"], drawn["b"]) == 0)


def test_the_interval_over_molecules_is_the_normal_one_for_a_mean_of_many():
    generator = np.random.default_rng(3)
    labels = {0: np.zeros((2_000, 1), np.float32)}
    predicted = {name: {0: generator.normal(size=(2_000, 1)).astype(np.float32)} for name in ("a", "b")}
    drawn = resample(MAE, labels, {0: "s"}, predicted, "qm7")
    low, high = percentile_interval(drawn_gain(MAE, drawn["a"], drawn["b"]))
    better = np.abs(predicted["b"][0]) - np.abs(predicted["a"][0])
    margin = 1.96 * better.std() / np.sqrt(2_000)
    assert (high - low) / 2 == pytest.approx(margin, rel=0.06)
    assert (high + low) / 2 == pytest.approx(better.mean(), abs=0.1 * margin)


def test_equals_are_told_apart_about_as_seldom_as_the_protocol_says():
    told = []
    for number in range(200):
        generator = np.random.default_rng(number)
        labels = {0: (generator.random((80, 1)) < 0.4).astype(np.float32)}
        predicted = {
            name: {0: (labels[0] + generator.normal(size=(80, 1))).astype(np.float32)} for name in ("a", "b")
        }
        drawn = resample(ROC_AUC, labels, {0: "s"}, predicted, str(number), draws=200)
        told.append(verdict(*percentile_interval(drawn_gain(ROC_AUC, drawn["a"], drawn["b"]))))
    assert 2 <= told.count("win") <= 12
    assert 2 <= told.count("loss") <= 12


def test_seeds_drawn_anew_vary_as_their_mean_does():
    values = np.random.default_rng(0).normal(size=5)
    weights = seed_weights(5, "bbbp", draws=20_000)
    assert weights.sum(1) == pytest.approx(1)
    assert (weights @ values).std() == pytest.approx(values.std(ddof=1) / np.sqrt(5), rel=0.03)
    assert seed_weights(1, "bbbp", draws=3).tolist() == [[1], [1], [1]]


def test_luck_of_seeds_is_no_win():
    """Models of two equal methods, some seeds of which come out worse than others."""
    told = {"molecules": 0, "both": 0}
    for number in range(100):
        generator = np.random.default_rng(number)
        labels = {seed: np.zeros((100, 1), np.float32) for seed in range(5)}
        predicted = {
            name: {
                seed: (generator.uniform(0.5, 1.5) * generator.normal(size=(100, 1))).astype(np.float32)
                for seed in labels
            }
            for name in ("a", "b")
        }
        drawn = resample(RMSE, labels, dict.fromkeys(labels, "s"), predicted, str(number), draws=300)
        weights = {"molecules": None, "both": seed_weights(5, str(number), 300)}
        for over, each in weights.items():
            ends = percentile_interval(drawn_gain(RMSE, drawn["a"], drawn["b"], each))
            told[over] += verdict(*ends) != "tie"
    assert told["molecules"] > 40
    assert told["both"] < 15


def test_less_error_is_a_gain_and_only_common_seeds_count():
    ours, theirs = {0: 1.0, 1: 1.2, 2: 9.0}, {0: 2.0, 1: 2.0}
    drawn = np.array([0.5, 1.0, 1.5])
    found = gain(RMSE, ours, theirs, drawn, drawn - 1)
    assert (found.mean, found.seeds, found.relative) == (pytest.approx(0.9), 2, pytest.approx(0.45))
    assert found.over_seeds[0] < 0.9 < found.over_seeds[1]
    assert (verdict(*found.over_molecules), verdict(*found.over_both)) == ("win", "tie")
    assert gain(ROC_AUC, {0: 0.7}, {0: 0.8}, drawn, drawn).relative == pytest.approx(-0.5)


def test_draws_that_seldom_can_be_scored_give_no_interval():
    assert percentile_interval(np.array([0.1, np.nan, np.nan])) == pytest.approx((math.nan,) * 2, nan_ok=True)
    assert verdict(math.nan, math.nan) == "tie"


SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=6)


@given(SCORES, st.data())
def test_what_one_gains_the_other_loses(ours, data):
    theirs = data.draw(st.lists(st.floats(0, 1), min_size=len(ours), max_size=len(ours)))
    mine, yours = dict(enumerate(ours)), dict(enumerate(theirs))
    drawn = np.subtract(ours, theirs)
    there, back = gain(ROC_AUC, mine, yours, drawn, drawn), gain(ROC_AUC, yours, mine, -drawn, -drawn)
    assert there.mean == pytest.approx(-back.mean, abs=1e-12)
    assert there.over_seeds == pytest.approx((-back.over_seeds[1], -back.over_seeds[0]), abs=1e-9)
    assert there.over_molecules == pytest.approx((-back.over_molecules[1], -back.over_molecules[0]), abs=1e-9)
