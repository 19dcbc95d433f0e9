import numpy as np
import pytest

from molweight.benchmarks import transfer_methods
from molweight.benchmarks.transfer_families import TASKS, make_family
from molweight.benchmarks.transfer_methods import GRID, PAIRS
from molweight.transfer.folds import make_folds
from molweight.transfer.setting import Setting


@pytest.fixture
def setting():
    data, features = make_family("shared", 400, 0.5, 0.8, 0, 0.5)
    return Setting(data, features, GRID), make_folds(data, "compound", 2, 0)


def name(*samples: tuple[int, int]) -> int:
    """A number for a network, by its tasks and the sizes of their samples."""
    return sum((1 + task) * 1_000 * 10_000**place + size for place, (task, size) in enumerate(samples))


def test_scores_of_networks_stand_at_their_point_of_the_curves(setting, monkeypatch):
    seen = []
    monkeypatch.setattr(
        transfer_methods,
        "_trained",
        lambda _, fold, points: [name(*((t, len(m)) for t, m in p)) for p in points],
    )
    monkeypatch.setattr(transfer_methods, "_by_curves", lambda *given: seen.extend(given))
    transfer_methods.full(*setting, rates=False)
    _, alone, pairs, _, networks, _ = seen
    for a, n in enumerate(GRID.own):
        for i in range(TASKS):
            np.testing.assert_array_equal(alone[:, a, i], name((i, n)))
        for b, m in enumerate(GRID.other):
            for i, j in PAIRS:
                np.testing.assert_array_equal(pairs[:, a, b, i, j], name((i, n), (j, m)))
    assert np.isnan(pairs[..., range(TASKS), range(TASKS)]).all()
    assert networks == 2 * 3 * (TASKS + 2 * len(PAIRS))


def test_a_step_of_equal_labels_has_the_more_molecules_the_fewer_are_measured(setting, monkeypatch):
    asked = []

    def notes(features, labels, kind, config, seed):
        asked.append(config.batch)
        return np.zeros((TASKS, TASKS))

    monkeypatch.setattr(transfer_methods, "affinities", notes)
    transfer_methods.tag(*setting)
    transfer_methods.tag_of_equal_steps(*setting)
    measured = 0.5 * 1 + 0.5 * TASKS  # times 400 molecules
    assert asked == [64, 64, round(64 * measured), round(64 * measured)]
