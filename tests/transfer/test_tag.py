import numpy as np
import pytest
import torch
from torch import nn

from molweight.transfer.tag import (
    TagConfig,
    affinities,
    look_ahead,
    shared_samples,
    task_losses,
    thinly_shared,
)

SMALL = TagConfig(steps=60, every=4, batch=32, width=16)


def tables(missing: float = 0.0):
    """Features, and labels of two tasks of one direction and a third of another."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(160, 12)).astype(np.float32)
    direction = generator.normal(size=(12, 2))
    labels = (features @ direction[:, [0, 0, 1]] / 3 + generator.normal(0, 0.3, (160, 3))).astype(np.float32)
    labels[generator.random(labels.shape) < missing] = np.nan
    return features, labels


def network(tasks: int):
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(5, 7), nn.Tanh()).double()
    inputs = torch.randn(9, 5, dtype=torch.float64)
    return trunk, nn.Linear(7, tasks).double(), inputs, torch.randn(9, tasks, dtype=torch.float64)


def test_a_small_step_lowers_losses_by_the_product_of_gradients():
    trunk, heads, inputs, labels = network(3)
    losses = task_losses(heads(trunk(inputs)), labels, "regression")
    gradients = [
        torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, list(trunk.parameters()), retain_graph=True)]
        )
        for loss in losses
    ]
    expected = torch.stack([torch.stack([a @ b for b in gradients]) for a in gradients]) / losses[:, None]
    found = look_ahead(trunk, heads, inputs, labels, "regression", 1e-6)
    torch.testing.assert_close(found / 1e-6, expected.detach(), rtol=1e-4, atol=1e-6)


def test_looking_ahead_leaves_the_network_as_it_is():
    trunk, heads, inputs, labels = network(2)
    before = [p.detach().clone() for p in trunk.parameters()]
    look_ahead(trunk, heads, inputs, labels, "regression", 0.1)
    assert all(torch.equal(a, b) for a, b in zip(before, trunk.parameters(), strict=True))


def test_a_task_without_labels_says_nothing():
    trunk, heads, inputs, labels = network(3)
    labels[:, 1] = torch.nan
    found = look_ahead(trunk, heads, inputs, labels, "regression", 0.01)
    assert found.isnan()[1].all()
    assert found.isnan()[:, 1].all()
    assert int(found.isnan().sum()) == 5


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_tasks_of_one_direction_help_each_other_more(missing):
    found = np.mean([affinities(*tables(missing), "regression", SMALL, seed) for seed in range(3)], axis=0)
    kin, strange = (found[0, 1] + found[1, 0]) / 2, (found[:2, 2].mean() + found[2, :2].mean()) / 2
    assert kin > 2 * strange
    assert (np.diag(found) > 0).all()


def test_the_same_seed_gives_the_same_affinities_and_draws_nothing_from_others():
    features, labels = tables()
    classes = (labels > 0).astype(np.float32)
    state = torch.get_rng_state()
    first = affinities(features, classes, "classification", SMALL, 3)
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(first, affinities(features, classes, "classification", SMALL, 3))
    assert np.isfinite(first).all()


def test_shares_of_samples_are_those_of_the_smaller_task():
    labels = np.full((10, 3), np.nan, np.float32)
    labels[:8, 0], labels[6:10, 1], labels[:, 2] = 1, 1, 1
    np.testing.assert_allclose(shared_samples(labels), [[1, 0.5, 1], [0.5, 1, 1], [1, 1, 1]])
    labels[7, 0] = np.nan
    assert thinly_shared(labels) == [(0, 1)]
