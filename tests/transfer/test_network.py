import numpy as np
import pytest

from molweight.transfer.network import NetworkConfig, sampled_labels, train_network

SMALL = NetworkConfig(steps=200, batch_size=16, width=32)


@pytest.fixture
def bits():
    return (np.random.default_rng(0).random((150, 24)) < 0.4).astype(np.float32)


def test_it_learns_numbers_in_their_units(bits):
    truth = (100 + 5 * bits[:, :3].sum(1, keepdims=True)).astype(np.float32)
    predicted = train_network(bits[:100], truth[:100], bits[100:], "regression", SMALL, 0)
    assert predicted.shape == (50, 1)
    assert np.mean((predicted - truth[100:]) ** 2) < 0.4 * truth[100:].var()


def test_samples_of_the_same_task_under_another_name_help(bits):
    truth = bits[:, :3].sum(1).astype(np.float32)
    alone, both = truth[:8, None], np.full((100, 2), np.nan, np.float32)
    both[:8, 0], both[8:, 1] = truth[:8], truth[8:100]
    errors = [
        np.mean(
            (train_network(bits[: len(y)], y, bits[100:], "regression", SMALL, 0)[:, 0] - truth[100:]) ** 2
        )
        for y in (alone, both)
    ]
    assert errors[1] < errors[0]


def test_the_same_seed_gives_the_same_predictions_and_leaves_the_generator_alone(bits):
    import torch

    labels = bits[:60, :1]
    before = torch.get_rng_state()
    first, again, other = (
        train_network(bits[:60], labels, bits[100:], "classification", SMALL, seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_training_that_runs_away_is_an_error(bits):
    wild = NetworkConfig(steps=20, lr=1e30)
    with pytest.raises(FloatingPointError, match="the loss of a network is"):
        train_network(bits[:60], bits[:60, :1], bits, "regression", wild, 0)


def test_samples_of_several_tasks_become_one_table():
    labels = np.arange(12, dtype=np.float32).reshape(6, 2)
    molecules, table = sampled_labels(labels, [(1, np.array([4, 0])), (0, np.array([5, 4]))])
    np.testing.assert_array_equal(molecules, [0, 4, 5])
    np.testing.assert_array_equal(table, [[1, np.nan], [9, 8], [np.nan, 10]])
