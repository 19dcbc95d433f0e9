import numpy as np
import pytest

from molweight.transfer.confirm import confirm_pair, pairs_to_confirm, transfers
from molweight.transfer.curves import Fit, Parameter
from molweight.transfer.designs import Grid, TransferConfig
from molweight.transfer.folds import make_folds
from molweight.transfer.network import NetworkConfig
from molweight.transfer.setting import make_setting


def fit(value, margin, identified=True):
    rate = Parameter(value, value - margin, value + margin, identified)
    return Fit("exp3.2", {"a_other": rate}, np.zeros((1, 1)), 5, 0.95, 0.0, (64, 64))


@pytest.mark.parametrize(
    ("found", "sign"),
    [(fit(2, 1), 1), (fit(-2, 1), -1), (fit(1, 2), 0), (fit(2, 1, identified=False), 0)],
)
def test_a_transfer_is_an_interval_on_one_side_of_0(found, sign):
    assert transfers(found) == sign


def test_the_surest_pairs_are_confirmed_half_of_them_harmful():
    fits = {
        (0, 1): fit(5, 1), (0, 2): fit(5, 2), (1, 0): fit(5, 3), (1, 2): fit(1, 2), (2, 0): fit(-3, 2),
        (2, 1): fit(-3, 1), (2, 3): fit(-3, 2.5),
    }  # fmt: skip
    assert pairs_to_confirm(fits, 4) == [(0, 1), (0, 2), (2, 1), (2, 0)]
    assert pairs_to_confirm(fits, 9) == [(0, 1), (0, 2), (1, 0), (2, 1), (2, 0), (2, 3)]
    assert pairs_to_confirm(fits, 0) == []
    helpful = {pair: found for pair, found in fits.items() if transfers(found) > 0}
    assert pairs_to_confirm(helpful, 3) == [(0, 1), (0, 2), (1, 0)]


@pytest.mark.slow
def test_networks_gain_from_a_like_task(data):
    folds, grid = make_folds(data, "compound", 4, 0), Grid((6, 8, 40), (8, 60), (20, 60))
    config = TransferConfig(network=NetworkConfig(steps=150, width=64), level=0.9)
    found = confirm_pair(make_setting(data, config, grid), folds, (0, 1))
    assert (found.helped, found.helper, len(found.alone)) == (0, 1, 4)
    assert found.gain == pytest.approx(np.mean(np.array(found.together) - np.array(found.alone)))
    assert found.low > 0
