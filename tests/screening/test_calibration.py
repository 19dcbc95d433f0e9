import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from scipy.optimize import minimize
from scipy.special import expit, logit

from molweight.errors import CheckpointError, DataError
from molweight.screening.calibration import PlattScaling, Reliability, reliability


def column(values):
    return np.array(values, np.float32)[:, None]


def log_loss(probabilities, labels):
    return -np.mean(np.where(labels == 1, np.log(probabilities), np.log(1 - probabilities)))


def simulated(seed=0, count=4000):
    """Labels, and logits that are three times too sure and one too high."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=count)
    labels = (rng.random(count) < expit(honest)).astype(np.float32)
    return (3 * honest + 1).astype(np.float32)[:, None], labels[:, None]


def test_two_logits_have_a_closed_solution():
    """Then the line goes through both shares of Platt's targets, whatever they are."""
    logits = column([-1.0] * 10 + [3.0] * 30)
    labels = column([1] * 2 + [0] * 8 + [1] * 24 + [0] * 6)
    ones, zeros = 27 / 28, 1 / 16
    low, high = (2 * ones + 8 * zeros) / 10, (24 * ones + 6 * zeros) / 30
    scaling = PlattScaling.fit(logits, labels)
    assert scaling.apply(column([-1, 3]))[:, 0] == pytest.approx([low, high], abs=1e-8)
    assert scaling.slope[0] == pytest.approx((logit(high) - logit(low)) / 4, abs=1e-7)


def test_logits_all_alike_give_the_share_of_targets():
    labels = column([1] * 5 + [0] * 20)
    scaling = PlattScaling.fit(column([2.0] * 25), labels)
    assert scaling.apply(column([2.0, -9]))[:, 0] == pytest.approx((5 * 6 / 7 + 20 / 22) / 25)


def test_separated_classes_give_finite_certain_ends():
    logits = column([-4.0] * 15 + [4.0] * 15)
    scaling = PlattScaling.fit(logits, (logits > 0).astype(np.float32))
    assert scaling.apply(column([-4, 4]))[:, 0] == pytest.approx([1 / 17, 16 / 17], abs=1e-8)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-20, 20), st.integers(20, 80))
def test_the_fit_is_the_minimum_and_follows_any_line(seed, scale, shift, count):
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(np.float32)[:, None]
    logits = (scale * (rng.normal(size=(count, 1)) + labels) + shift).astype(np.float32)
    scaling = PlattScaling.fit(logits, labels)
    ones = int(labels.sum())
    targets = np.where(labels == 1, (ones + 1) / (ones + 2), 1 / (count - ones + 2))[:, 0]
    residuals = scaling.apply(logits)[:, 0] - targets
    standard = (logits[:, 0].astype(float) - logits.mean()) / logits.std()
    assert abs(residuals.mean()) < 1e-6
    # the gradient is zero, or points out of slope >= 0
    assert abs((residuals * standard).mean()) < 1e-6 or scaling.slope[0] == 0 <= (residuals * standard).mean()


def test_a_general_minimiser_finds_nothing_better():
    logits, labels = simulated(count=300)
    ones = int(labels.sum())
    targets = np.where(labels[:, 0] == 1, (ones + 1) / (ones + 2), 1 / (300 - ones + 2))

    def loss(line):
        p = expit(line[0] * logits[:, 0].astype(float) + line[1])
        return -np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p))

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14})
    scaling = PlattScaling.fit(logits, labels)
    assert (scaling.slope[0], scaling.offset[0]) == pytest.approx(best.x, abs=1e-5)


def test_overconfident_logits_are_put_right():
    logits, labels = simulated()
    fresh, truth = simulated(seed=1)
    scaling = PlattScaling.fit(logits, labels)
    raw, calibrated = expit(fresh.astype(float)), scaling.apply(fresh)
    assert scaling.slope[0] == pytest.approx(1 / 3, abs=0.03)
    assert scaling.offset[0] == pytest.approx(-1 / 3, abs=0.08)
    assert log_loss(calibrated, truth) < log_loss(raw, truth) - 0.1
    errors = [reliability(p, truth).expected_error()[0] for p in (raw, calibrated)]
    assert errors[1] < 0.03 < 0.1 < errors[0]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_no_two_molecules_change_their_order(seed, signal):
    rng = np.random.default_rng(seed)
    labels = (np.arange(40) % 2).astype(np.float32)[:, None]
    logits = (signal * labels + rng.normal(size=(40, 1))).astype(np.float32)
    found = PlattScaling.fit(logits, labels).apply(np.sort(logits, axis=0))
    assert (np.diff(found[:, 0]) >= 0).all()


def test_logits_that_rank_the_wrong_way_are_worth_nothing():
    labels = column([0] * 15 + [1] * 15)
    scaling = PlattScaling.fit(-labels, labels)
    assert scaling.slope[0] == 0
    assert scaling.apply(column([-5, 5]))[:, 0] == pytest.approx([0.5, 0.5])


def test_each_task_is_fitted_to_its_own_labels_and_left_alone_without_enough():
    logits, labels = simulated(count=60)
    table = np.repeat(labels, 5, axis=1)
    table[19:, 1] = np.nan  # one too few
    table[20:, 2] = np.nan  # just enough
    table[:, 3] = 1
    table[:, 4] = np.nan
    values = np.repeat(logits, 5, axis=1)
    values[20:, 2] = np.nan  # of no label
    scaling = PlattScaling.fit(values, table)
    assert scaling.fitted.tolist() == [True, False, True, False, False]
    alone = PlattScaling.fit(logits, labels), PlattScaling.fit(logits[:20], labels[:20])
    assert (scaling.slope[0], scaling.slope[2]) == (alone[0].slope[0], alone[1].slope[0])
    assert np.array_equal(scaling.apply(logits)[:, 3:], expit(np.repeat(logits, 2, axis=1).astype(float)))


def test_logits_must_be_finite_where_there_is_a_label():
    logits, labels = simulated(count=30)
    logits[7] = np.inf
    with pytest.raises(DataError, match="molecule 7, task 0: the out-of-fold prediction is inf"):
        PlattScaling.fit(logits, labels)


def test_bins_hold_what_falls_into_them():
    probabilities = np.array([[0.0], [0.19], [0.2], [1.0], [0.9], [0.5]])
    found = reliability(probabilities, column([0, 1, 1, 1, 0, np.nan]), bins=5)
    assert found.molecules.tolist() == [[2, 1, 0, 0, 2]]
    assert found.predicted[0, [0, 1, 4]] == pytest.approx([0.095, 0.2, 0.95])
    assert found.observed[0, [0, 1, 4]] == pytest.approx([0.5, 1, 0.5])
    assert np.isnan(found.predicted[0, 2:4]).all()
    assert np.isnan(found.observed[0, 2:4]).all()
    assert found.expected_error() == pytest.approx([(2 * 0.405 + 0.8 + 2 * 0.45) / 5])


def test_a_task_without_labels_has_no_calibration_error():
    assert np.isnan(reliability(np.zeros((3, 1)), np.full((3, 1), np.nan, np.float32)).expected_error()[0])


def test_both_come_back_from_a_file():
    logits, labels = simulated(count=50)
    scaling = PlattScaling.fit(logits, labels)
    again = PlattScaling.from_arrays(load(save(scaling.arrays())))
    assert np.array_equal(again.apply(logits), scaling.apply(logits))
    bins = reliability(scaling.apply(logits), labels)
    restored = Reliability.from_arrays(load(save(bins.arrays())))
    assert np.array_equal(restored.expected_error(), bins.expected_error())


@pytest.mark.parametrize(
    "change",
    [
        {"slope": np.array([-1.0])},
        {"slope": np.array([np.inf])},
        {"offset": np.array([np.nan])},
        {"offset": np.zeros(2)},
        {"fitted": np.array([1])},
    ],
)
def test_a_changed_file_is_refused(change):
    arrays = PlattScaling.fit(*simulated(count=30)).arrays()
    PlattScaling.from_arrays(arrays)
    with pytest.raises(CheckpointError):
        PlattScaling.from_arrays(arrays | change)
