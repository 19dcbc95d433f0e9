import numpy as np
import pytest

from molweight.benchmarks.transfer_families import FACTORS, FAMILIES, TASKS, make_family
from molweight.transfer.tag import shared_samples


@pytest.mark.parametrize(
    ("family", "expected"), [("shared", 0.7), ("opposed", -0.7), ("independent", 0.0), ("conflicting", 0.0)]
)
def test_neighbouring_tasks_correlate_as_their_family_says(family, expected):
    tables = [make_family(family, 500, 0.0, 0.7, seed)[0].labels for seed in range(20)]
    found = np.mean([np.corrcoef(table[:, 0], table[:, 1])[0, 1] for table in tables])
    assert found == pytest.approx(expected, abs=0.12)


def test_tasks_in_conflict_agree_on_half_of_the_features():
    weights = FAMILIES["conflicting"](np.random.default_rng(0), 1.0)  # [features, tasks]
    agree = (np.sign(weights[:, :, None]) == np.sign(weights[:, None, :])).sum(0)
    np.testing.assert_array_equal(agree[~np.eye(TASKS, dtype=bool)], FACTORS // 2)


@pytest.mark.parametrize("overlap", [0.0, 0.15, 0.3, 0.6, 1.0])
def test_any_two_tasks_share_what_is_asked_and_have_as_many_labels(overlap):
    data, features = make_family("shared", 400, 0.5, 0.8, 0, overlap)
    np.testing.assert_array_equal(data.measured, 400)
    shares = shared_samples(data.labels)
    np.testing.assert_array_equal(shares[~np.eye(TASKS, dtype=bool)], overlap)
    assert not np.isnan(data.labels).all(axis=1).any()
    assert len(features.values) == len(data.smiles) == len(data.labels)
    rows = round(400 * overlap) + TASKS * round(400 * (1 - overlap))
    assert data.labels.shape == (rows, TASKS)


def test_tasks_correlate_as_much_on_few_common_molecules():
    tables = [make_family("shared", 500, 0.0, 0.7, seed, 0.15)[0].labels for seed in range(20)]
    common = [table[~np.isnan(table).any(axis=1)] for table in tables]
    assert np.mean([np.corrcoef(t[:, 0], t[:, 1])[0, 1] for t in common]) == pytest.approx(0.7, abs=0.12)
