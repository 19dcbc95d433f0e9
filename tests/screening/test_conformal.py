from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from molweight.errors import CheckpointError, ConfigError, DataError
from molweight.screening.conformal import CrossIntervals, CrossSets

COVERAGES = [0.5, 0.8, 0.9, 0.95]


def out_of_fold(members, folds):
    """[molecules, tasks] from each member's predictions of every molecule, [members, molecules, tasks]."""
    return members[folds, np.arange(len(folds))]


@st.composite
def problems(draw):
    """Calibration and query molecules with ties, missing labels, folds of unequal size and two tasks."""
    count, queries = draw(st.integers(3, 40)), draw(st.integers(1, 5))
    members = draw(st.integers(1, 4).filter(lambda k: k <= count))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    folds = rng.permutation(np.concatenate([np.arange(members), rng.integers(0, members, count - members)]))
    decimals = draw(st.integers(0, 3))  # few make ties
    predicted = rng.random((members, count + queries, 2)).round(decimals)
    labels = rng.random((count, 2)).round(decimals).astype(np.float32)
    labels[rng.random((count, 2)) < draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    return predicted[:, :count], predicted[:, count:], labels, folds


def plain_intervals(calibration, query, labels, folds, second, coverage):
    """The formula by lists; the ranks by whole numbers."""
    percent, members = round(100 * coverage), len(query)
    lower, upper = np.full(query.shape[1:], -np.inf), np.full(query.shape[1:], np.inf)
    for task in range(labels.shape[1]):
        known = [i for i in range(len(labels)) if not np.isnan(labels[i, task])]
        own = [calibration[folds[i], i, task] for i in range(len(labels))]
        residuals = [abs(float(labels[i, task]) - own[i]) for i in known]
        high = -(-percent * (len(known) + 1) // 100)
        if high > len(known):
            continue
        halves = [(b - a) ** 2 / 2 for a, b in zip(own, second[:, task], strict=True) if not np.isnan(b)]
        half, square = np.mean(halves) if halves else 0.0, np.mean([r * r for r in residuals])
        root = np.sqrt(max(1 / members, 1 - (1 - 1 / members) * half / square)) if square else 1.0
        for x in range(query.shape[1]):
            mean = np.mean([query[k, x, task] for k in range(members)])
            margin = root * sorted(residuals)[high - 1]
            lower[x, task], upper[x, task] = mean - margin, mean + margin
    return lower, upper


def plain_p_values(calibration, query, labels, folds):
    p_values = np.ones((*query.shape[1:], 2))
    for x, task, label in np.ndindex(p_values.shape):
        same = [i for i in range(len(labels)) if labels[i, task] == label]

        def score(member, table, molecule, task=task, label=label):
            return table[member, molecule, task] * (1 if label else -1)

        least = sum(score(folds[i], calibration, i) <= score(folds[i], query, x) for i in same)
        p_values[x, task, label] = (1 + least) / (1 + len(same))
    return p_values


@settings(max_examples=60)
@given(problems(), st.sampled_from(COVERAGES))
def test_intervals_are_the_formulas(problem, coverage):
    calibration, query, labels, folds = problem
    own = out_of_fold(calibration, folds)
    second = np.where(np.arange(len(folds))[:, None] % 3 == 0, 0.9 * own + 0.05, np.nan)
    found = CrossIntervals.fit(own, labels, folds, second).intervals(query, coverage)
    expected = plain_intervals(calibration, query, labels, folds, second, coverage)
    assert found[0] == pytest.approx(expected[0])
    assert found[1] == pytest.approx(expected[1])
    assert (found[0] <= found[1]).all()


@settings(max_examples=60)
@given(problems(), st.sampled_from(COVERAGES))
def test_p_values_and_sets_are_the_formulas(problem, coverage):
    calibration, query, labels, folds = problem
    labels = np.where(np.isnan(labels), np.nan, labels > 0.5).astype(np.float32)
    sets = CrossSets.fit(out_of_fold(calibration, folds), labels, folds)
    expected = plain_p_values(calibration, query, labels, folds)
    assert np.array_equal(sets.p_values(query), expected)
    hundredths = 100 - round(100 * coverage)
    counts = 1 + np.stack([(labels == 0).sum(0), (labels == 1).sum(0)], axis=1)
    above = (expected * counts).round().astype(int) * 100 > hundredths * counts  # in whole numbers
    assert np.array_equal(sets.sets(query, coverage), above)


@settings(max_examples=30)
@given(problems())
def test_more_coverage_never_takes_anything_away(problem):
    calibration, query, labels, folds = problem
    values = CrossIntervals.fit(out_of_fold(calibration, folds), labels, folds)
    classes = np.where(np.isnan(labels), np.nan, labels > 0.5).astype(np.float32)
    sets = CrossSets.fit(out_of_fold(calibration, folds), classes, folds)
    for less, more in pairwise(COVERAGES):
        (low, high), (lower, higher) = values.intervals(query, less), values.intervals(query, more)
        assert (lower <= low).all()
        assert (higher >= high).all()
        assert (sets.sets(query, more) >= sets.sets(query, less)).all()


def test_two_members_that_err_apart_halve_the_square_of_the_error():
    """Each right but for noise of its own: D is the noise's variance, and the mean of two has half of it."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 20_000, 1))
    folds, truth = np.arange(20_000) % 2, np.zeros((20_000, 1), np.float32)
    second = noise[1 - folds, np.arange(20_000)]
    fitted = CrossIntervals.fit(out_of_fold(noise, folds), truth, folds, second)
    lower, upper = fitted.intervals(np.zeros((2, 1, 1)), 0.9)
    assert (upper - lower)[0, 0] / 2 == pytest.approx(1.645 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_intervals_cover_exchangeable_molecules(noise):
    """One new molecule for each of 1,000 training sets; members are noisy ridge regressions."""
    trials, coverages = 1000, np.array(COVERAGES)
    rng = np.random.default_rng(1)
    hits = sum(_covered(rng, np.arange(100) % 5, noise) for _ in range(trials)) / trials
    slack = 3 * np.sqrt(coverages * (1 - coverages) / trials)
    assert (np.abs(hits - coverages) <= 0.015 + slack).all()


def _covered(rng, folds, noise):
    """Whether the interval has the value, at each coverage."""
    x = rng.normal(size=(len(folds) + 1, 3))
    y = x.sum(axis=1) + rng.standard_t(4, size=len(x))
    predicted, second = np.empty((5, len(x), 1)), np.full((len(folds), 1), np.nan)
    for member in range(5):
        rest = rng.permutation(np.flatnonzero(folds != member))
        held, seen = rest[:10], rest[10:]
        weights = np.linalg.solve(x[seen].T @ x[seen] + np.eye(3), x[seen].T @ y[seen])
        predicted[member, :, 0] = x @ weights + noise * rng.normal(size=len(x))
        second[held] = predicted[member, held]
    known = y[:-1, None].astype(np.float32)
    fitted = CrossIntervals.fit(out_of_fold(predicted[:, :-1], folds), known, folds, second)
    ends = [fitted.intervals(predicted[:, -1:], coverage) for coverage in COVERAGES]
    return np.array([lower[0, 0] <= y[-1] <= upper[0, 0] for lower, upper in ends], float)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_cover_each_class_however_rare(coverage):
    rng = np.random.default_rng(2)
    hits, total = np.zeros(2), np.zeros(2)
    for _ in range(200):
        folds = rng.permutation(300) % 5
        truth = (rng.random(400) < 0.15).astype(np.float32)
        logit = 2 * truth - 1 + rng.normal(size=400)
        members = (logit + 0.3 * rng.normal(size=(5, 400)))[:, :, None]
        sets = CrossSets.fit(out_of_fold(members[:, :300], folds), truth[:300, None], folds)
        inside = sets.sets(members[:, 300:], coverage)[:, 0]
        for label in (0, 1):
            mine = truth[300:] == label
            hits[label] += inside[mine, label].sum()
            total[label] += mine.sum()
    for label in (0, 1):
        # molecules of one trial share a calibration set, of about 45 labels in class 1: that too varies
        spread = np.sqrt(coverage * (1 - coverage) * (1 / total[label] + 1 / (200 * (45, 255)[1 - label])))
        assert coverage - 4 * spread <= hits[label] / total[label] <= coverage + 0.03 + 4 * spread


@pytest.mark.parametrize(("labels", "finite"), [(8, False), (9, True)])
def test_nine_labels_are_the_fewest_for_nine_in_ten(labels, finite):
    rng = np.random.default_rng(0)
    known = np.full((20, 2), np.nan, np.float32)
    known[:labels, 0] = rng.random(labels)
    folds = np.arange(20) % 2
    predicted = rng.random((2, 5, 2))
    lower, upper = CrossIntervals.fit(rng.random((20, 2)), known, folds).intervals(predicted, 0.9)
    assert np.isfinite(lower[:, 0]).all() == np.isfinite(upper[:, 0]).all() == finite
    assert (lower[:, 1] == -np.inf).all()
    assert (upper[:, 1] == np.inf).all()


@pytest.mark.parametrize(("labels", "all_in"), [(8, True), (9, False)])
def test_with_too_few_labels_a_class_is_in_every_set(labels, all_in):
    known = np.full((20, 1), 0, np.float32)
    known[:labels] = 1
    sets = CrossSets.fit(np.full((20, 1), 0.5), known, np.arange(20) % 2)
    unlikely = np.zeros((2, 1, 1))
    assert sets.sets(unlikely, 0.9)[0, 0].tolist() == [True, all_in]


def test_a_task_without_labels_has_both_classes():
    sets = CrossSets.fit(np.zeros((4, 1)), np.full((4, 1), np.nan, np.float32), np.arange(4) % 2)
    assert sets.sets(np.zeros((2, 3, 1)), 0.95).all()


def test_a_prediction_that_is_not_finite_says_nothing():
    rng = np.random.default_rng(0)
    folds = np.arange(40) % 2
    query = rng.random((2, 2, 1))
    query[1, 0] = np.nan
    lower, upper = CrossIntervals.fit(rng.random((40, 1)), np.zeros((40, 1), np.float32), folds).intervals(
        query, 0.8
    )
    assert (lower[0], upper[0]) == (-np.inf, np.inf)
    assert np.isfinite([lower[1], upper[1]]).all()
    truth = (np.arange(40)[:, None] % 3 == 0).astype(np.float32)
    assert (CrossSets.fit(rng.random((40, 1)), truth, folds).p_values(query)[0] == 1).all()


def test_out_of_fold_predictions_must_be_finite_where_there_is_a_label():
    predicted = np.array([[0.0], [np.nan], [np.inf]])
    labels = np.array([[0], [np.nan], [1]], np.float32)
    for method in (CrossIntervals, CrossSets):
        with pytest.raises(DataError, match="molecule 2, task 0: the out-of-fold prediction is inf"):
            method.fit(predicted, labels, np.array([0, 1, 0]))


@pytest.mark.parametrize("coverage", [0.49, 1.0, -1, float("nan")])
def test_impossible_coverage_is_refused(coverage):
    folds = np.array([0, 1])
    with pytest.raises(ConfigError, match=r"coverage must be from 0\.5 to below 1"):
        CrossIntervals.fit(np.zeros((2, 1)), np.zeros((2, 1), np.float32), folds).intervals(
            np.zeros((2, 1, 1)), coverage
        )
    with pytest.raises(ConfigError, match="coverage must be"):
        CrossSets.fit(np.zeros((2, 1)), np.zeros((2, 1), np.float32), folds).sets(
            np.zeros((2, 1, 1)), coverage
        )


@pytest.mark.parametrize("shape", [(1, 4, 1), (3, 4, 1), (2, 4, 2), (2, 4)])
def test_predictions_of_other_members_or_tasks_are_refused(shape):
    fitted = CrossIntervals.fit(np.zeros((2, 1)), np.zeros((2, 1), np.float32), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"must be \[2, molecules, 1\]"):
        fitted.intervals(np.zeros(shape), 0.9)


def test_both_come_back_from_a_file():
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 2)) > 0.5).astype(np.float32)
    labels[3] = np.nan
    folds, predicted, query = np.arange(30) % 3, rng.random((30, 2)).astype(np.float32), rng.random((3, 4, 2))
    values = CrossIntervals.fit(predicted, labels, folds, predicted + 0.1)
    again = CrossIntervals.from_arrays(load(save(values.arrays())))
    assert np.array_equal(again.intervals(query, 0.8), values.intervals(query, 0.8))
    sets = CrossSets.fit(predicted, labels, folds)
    restored = CrossSets.from_arrays(load(save(sets.arrays())))
    assert np.array_equal(restored.p_values(query), sets.p_values(query))


@pytest.mark.parametrize(
    ("method", "change"),
    [
        (CrossIntervals, {"residuals": np.array([[-1.0], [0]])}),
        (CrossIntervals, {"residuals": np.array([[np.inf], [0]])}),
        (CrossIntervals, {"disagreement": np.array([-1.0])}),
        (CrossIntervals, {"disagreement": np.array([1.0, 1.0])}),
        (CrossIntervals, {"folds": np.array([-1, 0])}),
        (CrossIntervals, {"folds": np.array([0, 1, 0])}),
        (CrossSets, {"labels": np.array([[0.5], [0]], np.float32)}),
        (CrossSets, {"out_of_fold": np.array([[np.nan], [0]])}),
        (CrossSets, {"folds": np.array([0.0, 1.0])}),
    ],
)
def test_a_changed_file_is_refused(method, change):
    arrays = method.fit(np.zeros((2, 1)), np.zeros((2, 1), np.float32), np.array([0, 1])).arrays()
    method.from_arrays(arrays)
    with pytest.raises(CheckpointError):
        method.from_arrays(arrays | change)
