import numpy as np
import pytest
from scipy import stats

from molweight.transfer.gains import context_gains, over_folds, pair_gains


def test_intervals_are_students_with_the_variance_of_overlapping_folds():
    values = np.array([[0.1], [0.3], [0.2], [0.0]])
    found = over_folds(values, 0.9)
    margin = stats.t.ppf(0.95, 3) * values.std(ddof=1) * np.sqrt(1 / 4 + 1 / 3)
    assert found.mean[0] == pytest.approx(0.15)
    assert (found.low[0], found.high[0]) == pytest.approx((0.15 - margin, 0.15 + margin))


def test_a_gain_is_taken_at_the_helpers_largest_sample_and_over_own_sizes():
    generator = np.random.default_rng(0)
    alone = generator.random((3, 2, 2))
    pairs = np.full((3, 2, 2, 2, 2), np.nan)
    pairs[:, :, :, 0, 1] = alone[:, :, None, 0] + [[[0.1, 0.2], [0.3, 0.4]]]
    pairs[:, :, 0, 1, 0] = alone[:, :, 1] - 0.1  # the helper has no larger sample
    found = pair_gains(alone, pairs)
    np.testing.assert_allclose(found.mean, [[np.nan, 0.3], [-0.1, np.nan]])
    np.testing.assert_array_equal(found.named, [[False, True], [True, False]])


def test_gains_from_all_others():
    alone = np.random.default_rng(0).random((4, 3, 2))
    context = alone[:, :, None, :] + np.array([[0.0, 0.0], [0.1, -0.2]])
    np.testing.assert_allclose(context_gains(alone, context).mean, [0.1, -0.2])


def test_one_fold_is_no_evidence():
    values = np.array([[0.1], [np.nan], [np.nan]])
    found = over_folds(values)
    assert np.isnan(found.mean[0])
    assert not found.named[0]


def test_of_many_gains_that_are_none_few_are_named():
    noise = np.random.default_rng(0).normal(0, 1, (5, 40, 40))
    found = over_folds(noise)
    assert found.named.mean() < 0.01
    outside = (found.low > 0) | (found.high < 0)
    assert outside.mean() < 0.05
