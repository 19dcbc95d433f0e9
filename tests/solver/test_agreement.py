import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molweight.solver.agreement import agreed, running, shrunk

EQUAL = torch.full((3,), 1 / 3, dtype=torch.float64)


def test_what_all_folds_say_alike_is_kept_as_it_is():
    slopes = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    torch.testing.assert_close(agreed(slopes.repeat(4, 1), EQUAL), slopes)


def test_nothing_moves_before_each_fold_has_spoken():
    slopes = torch.full((2, 3), torch.nan, dtype=torch.float64)
    slopes[0] = 1.0
    assert agreed(slopes, EQUAL).tolist() == [0, 0, 0]


def test_folds_that_differ_in_strength_alone_move_no_share():
    """What objectives have in common leaves a softmax where it is, whatever the folds make of it."""
    slopes = torch.tensor([[0.5] * 3, [-0.4] * 3, [0.2] * 3], dtype=torch.float64)
    found = agreed(slopes, EQUAL)
    torch.testing.assert_close(found, found.mean().expand(3))


def test_a_direction_is_kept_by_its_mean_over_its_error():
    values = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)
    mean, error = 3.0, 1 / np.sqrt(3)
    assert float(shrunk(values)) == pytest.approx(mean * (1 - (2 * error / mean) ** 2))
    assert float(shrunk(torch.tensor([0.9, 2.0, 3.1]))) > 0  # 3.1 errors from zero
    assert float(shrunk(torch.tensor([-0.1, 1.0, 2.1]))) == 0  # 1.6
    assert float(shrunk(torch.zeros(3))) == 0


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_shrinking_never_turns_nor_lengthens(values):
    series = torch.tensor(values, dtype=torch.float64)
    mean, found = float(series.mean()), float(shrunk(series))
    assert abs(found) <= abs(mean)
    assert found * mean >= 0


def test_a_fold_remembers_about_five_turns():
    slopes = torch.tensor([torch.nan])
    for value in (1.0, 0.0, 0.0):
        slopes = running(slopes, torch.tensor([value]))
    assert float(slopes) == pytest.approx(0.64)
