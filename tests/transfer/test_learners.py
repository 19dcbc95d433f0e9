from dataclasses import replace

import numpy as np
import pytest
import torch

from molweight.transfer.designs import Grid, TransferConfig
from molweight.transfer.folds import make_folds
from molweight.transfer.full import train_helper
from molweight.transfer.gin_network import GinConfig, tune_in_stages
from molweight.transfer.learners import full_steps, learn_in_stages
from molweight.transfer.network import NetworkConfig, Stage, sampled_labels, train_in_stages
from molweight.transfer.setting import make_setting
from molweight.transfer.walk import onwards

MLP = NetworkConfig(40, 16, 16)


@pytest.fixture
def gin(small_checkpoint):
    return GinConfig(20, 16, 1e-2, 0.0, small_checkpoint, "cpu")


def stage(data, steps, samples=(60, 40)):
    """The first molecules of the first two tasks."""
    chosen = [(t, np.flatnonzero(np.isfinite(data.labels[:, t]))[:n]) for t, n in enumerate(samples)]
    return Stage(*sampled_labels(data.labels, chosen), steps)


def held_out(data):
    return np.flatnonzero(np.isfinite(data.labels[:, 0]))[60:]


def test_an_encoder_learns_numbers_in_their_units(data, gin):
    far = replace(data, labels=100 + 10 * data.labels)
    test = held_out(far)
    (predicted,) = tune_in_stages(far.smiles, [stage(far, 80)], test, "regression", gin, 0)
    assert predicted.shape == (len(test), 2)
    truth = far.labels[test, 0]
    assert np.mean((predicted[:, 0] - truth) ** 2) < 0.7 * truth.var()


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("learner", ["mlp", "gin"])
def test_a_stage_goes_on_from_the_one_before(data, gin, learner, kind):
    if kind == "classification":
        labels = np.where(np.isnan(data.labels), np.nan, data.labels > np.nanmedian(data.labels, 0))
        data = replace(data, labels=labels.astype(np.float32), kind=kind)
    setting = make_setting(data, TransferConfig(learner=learner, network=MLP, gin=gin))
    first, second = stage(data, 12, (20, 20)), stage(data, 3)
    test, state = held_out(data), torch.get_rng_state()
    both = learn_in_stages(setting, [first, second], test)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(both[0], learn_in_stages(setting, [first], test)[0])
    assert not np.allclose(both[1], learn_in_stages(setting, [second], test)[0])
    other = replace(setting, config=replace(setting.config, seed=1))
    assert not np.array_equal(both[0], learn_in_stages(other, [first], test)[0])


@pytest.mark.parametrize("learner", ["mlp", "gin"])
def test_training_that_runs_away_is_an_error(data, gin, learner):
    wild = TransferConfig(learner=learner, network=replace(MLP, lr=1e30), gin=replace(gin, lr=1e30))
    with pytest.raises(FloatingPointError, match=r"the loss of an? (network|encoder) is"):
        learn_in_stages(make_setting(data, wild), [stage(data, 20)], held_out(data))


def test_a_feature_that_no_sample_has_does_not_count():
    bits = (np.random.default_rng(0).random((60, 30)) < 0.3).astype(np.float32)
    bits[:40, 7] = 0
    few = Stage(np.arange(10), bits[:10, :1], 30)
    more = Stage(np.arange(40), bits[:40, :1], 30)
    turned = bits[40:].copy()
    turned[:, 7] = 1 - turned[:, 7]
    found, again = (
        train_in_stages(bits, [few, more], test, "classification", MLP, 0) for test in (bits[40:], turned)
    )
    np.testing.assert_array_equal(found, again)
    unseen = np.flatnonzero(bits[:40].any(0) & ~bits[:10].any(0))
    turned[:, unseen] = 1 - turned[:, unseen]
    other = train_in_stages(bits, [few, more], turned, "classification", MLP, 0)
    np.testing.assert_array_equal(found[0], other[0])  # not of the first ten
    assert not np.array_equal(found[1], other[1])


def test_steps_are_those_of_the_learner(gin):
    config = TransferConfig(network=MLP, gin=gin)
    assert [full_steps(replace(config, learner=learner)) for learner in ("mlp", "gin")] == [40, 20]


def test_every_point_can_be_had_from_the_encoder(data, gin):
    config = TransferConfig(learner="gin", gin=replace(gin, steps=3))
    setting = make_setting(data, config, Grid((8, 16, 32), (16,), (40,)))
    fold = make_folds(data, "compound", 4, 0)[0]
    for plan in ({}, {"plan": onwards}):
        scores = train_helper(setting, fold, 1, **plan)
        assert np.isfinite(scores[:, :, [0, 2]]).all()


@pytest.mark.gpu
def test_on_a_gpu_the_encoder_learns_the_same(data, gin):
    both = [
        tune_in_stages(
            data.smiles, [stage(data, 30)], held_out(data), "regression", replace(gin, device=device), 0
        )[0]
        for device in ("cpu", "cuda")
    ]
    assert np.corrcoef(both[0][:, 0], both[1][:, 0])[0, 1] > 0.8
