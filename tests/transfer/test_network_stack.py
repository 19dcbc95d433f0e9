import numpy as np
import pytest
import torch

from molweight.transfer.network import NetworkConfig, train_network
from molweight.transfer.network_stack import Lesson, train_stack

SMALL = NetworkConfig(steps=60, batch_size=16, width=32, dropout=0.0)


def lessons(kind: str) -> list[Lesson]:
    """Of sizes below, at and above a batch, with labels missing, and tests of several sizes."""
    generator = np.random.default_rng(0)
    found = []
    for samples, tests in ((5, 7), (16, 3), (33, 7), (70, 1), (33, 2)):
        features = generator.normal(size=(samples + tests, 24)).astype(np.float32)
        labels = 100 + 5 * features[:, :2] + features[:, 2:4]
        labels = (labels > 100).astype(np.float32) if kind == "classification" else labels
        labels[2:samples:3, 1] = np.nan
        found.append(Lesson(features[:samples], labels[:samples], features[samples:]))
    return found


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_each_network_is_trained_as_it_would_be_alone(kind):
    learned = lessons(kind)
    stacked = train_stack(learned, kind, SMALL, 3)
    for lesson, found in zip(learned, stacked, strict=True):
        alone = train_network(lesson.features, lesson.labels, lesson.test, kind, SMALL, 3)
        np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-3)
    other = train_stack(learned, kind, SMALL, 4)
    assert not np.allclose(other[0], stacked[0], rtol=1e-3)


def test_a_network_does_not_depend_on_those_beside_it():
    learned = lessons("regression")
    whole, part = (train_stack(each, "regression", SMALL, 0) for each in (learned, learned[2:]))
    np.testing.assert_allclose(part[0], whole[2], rtol=1e-5, atol=1e-3)


def test_the_generator_is_left_alone():
    before = torch.get_rng_state()
    train_stack(lessons("regression"), "regression", NetworkConfig(steps=2, dropout=0.0), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_refused():
    with pytest.raises(ValueError, match="have no dropout"):
        train_stack(lessons("regression"), "regression", NetworkConfig(), 0)


def test_training_that_runs_away_is_an_error():
    wild = NetworkConfig(steps=20, lr=1e30, dropout=0.0)
    with pytest.raises(FloatingPointError, match="in a stack is not finite after 20 steps"):
        train_stack(lessons("regression"), "regression", wild, 0)
