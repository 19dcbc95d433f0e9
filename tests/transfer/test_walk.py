from dataclasses import replace

import numpy as np
import pytest

from molweight.errors import ConfigError
from molweight.transfer.designs import Grid, TransferConfig, WalkConfig
from molweight.transfer.folds import make_folds
from molweight.transfer.full import afresh, train_alone, train_helper
from molweight.transfer.network import NetworkConfig
from molweight.transfer.setting import make_setting
from molweight.transfer.walk import onwards, walk_alone, walk_helper

CONFIG = TransferConfig(network=NetworkConfig(200, 32, 32, lr=1e-2), walk=WalkConfig(0.4, 0.1), design="walk")
GRID = Grid((8, 16, 64), (64,), (200,))


@pytest.fixture
def setting(data):
    return make_setting(data, CONFIG, GRID)


@pytest.fixture
def fold(data):
    return make_folds(data, "compound", 4, 0)[1]


def samples(count):
    return [(np.arange(n), np.zeros((n, 1), np.float32)) for n in range(4, 4 + count)]


def test_one_network_takes_all_sizes_in_a_tenth_of_the_steps():
    config, five = TransferConfig(), samples(5)
    (walk,) = onwards(five, config)
    assert [stage.steps for stage in walk] == [60, 21, 21, 21, 21]
    assert [len(stage.molecules) for stage in walk] == [4, 5, 6, 7, 8]
    taken, full = (sum(s.steps for run in plan(five, config) for s in run) for plan in (onwards, afresh))
    assert taken / full == pytest.approx(0.096)
    assert onwards([], config) == []


def test_the_first_size_is_that_of_a_training_of_so_many_steps(setting, fold):
    shorter = replace(setting, config=replace(CONFIG, network=replace(CONFIG.network, steps=80)))
    found = walk_alone(setting, fold)[0], walk_helper(setting, fold, 1)[0]
    expected = train_alone(shorter, fold)[0], train_helper(shorter, fold, 1)[0]
    for of_walk, of_training in zip(found, expected, strict=True):
        np.testing.assert_allclose(of_walk, of_training, rtol=1e-4)


def test_a_walk_knows_what_it_learned_before(setting, fold):
    """Two steps at the largest size say little by themselves."""
    few = replace(setting, config=replace(CONFIG, walk=WalkConfig(0.4, 0.01)))
    fresh = replace(setting, config=replace(CONFIG, network=replace(CONFIG.network, steps=2)))
    assert walk_alone(few, fold)[2, 0] > train_alone(fresh, fold)[2, 0] + 0.1


def test_it_comes_near_the_full_design_and_finds_its_gain(setting, fold):
    walk, full = (
        (alone(setting, fold)[:, 0], helper(setting, fold, 1)[:, 0, 0])
        for alone, helper in ((walk_alone, walk_helper), (train_alone, train_helper))
    )
    gains = [float((beside - alone)[:2].mean()) for alone, beside in (walk, full)]
    assert gains[1] > 0.1
    assert gains[0] == pytest.approx(gains[1], rel=0.5)


@pytest.mark.parametrize("wrong", [{"first": 0.0}, {"more": 1.5}])
def test_shares_are_shares(wrong):
    with pytest.raises(ConfigError, match="must be above 0 and at most 1"):
        WalkConfig(**wrong)
