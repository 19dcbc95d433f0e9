import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.molecules.scaffolds import murcko_scaffold
from molweight.transfer.folds import growing_order, make_folds

from .conftest import family


@pytest.mark.parametrize("kind", ["compound", "scaffold"])
def test_every_label_is_tested_once_and_never_learned_from_beside(kind):
    data = family(60)
    folds = make_folds(data, kind, 4, 0)
    for task, labels in enumerate(data.labels.T):
        measured = np.flatnonzero(~np.isnan(labels))
        tested = np.concatenate([fold.tests[task] for fold in folds])
        np.testing.assert_array_equal(np.sort(tested), measured)
        for fold in folds:
            both = np.concatenate([fold.orders[task], fold.tests[task]])
            np.testing.assert_array_equal(np.sort(both), measured)


def test_no_test_molecule_of_one_task_is_learned_from_in_another():
    folds = make_folds(family(60), "compound", 4, 0)
    for fold in folds:
        assert not set(np.concatenate(fold.orders)) & set(np.concatenate(fold.tests))


def test_scaffolds_stay_together():
    data = family(60)
    for fold in make_folds(data, "scaffold", 3, 1):
        train, test = (
            {murcko_scaffold(data.smiles[m]) for m in np.concatenate(parts)}
            for parts in (fold.orders, fold.tests)
        )
        assert not train & test


def test_stereoisomers_stay_together():
    data = family(48, isomers=True)
    for fold in make_folds(data, "compound", 3, 1):
        train, test = ({data.flat[m] for m in np.concatenate(p)} for p in (fold.orders, fold.tests))
        assert not train & test


@given(st.integers(12, 200), st.floats(0.1, 0.9), st.integers(0, 99))
def test_beginnings_of_an_order_have_both_classes_in_proportion(molecules, share, seed):
    labels = (np.arange(molecules) < max(2, round(share * molecules))).astype(np.float32)
    order = growing_order(np.arange(molecules), labels, "classification", seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(molecules))
    assert set(labels[order[:2]]) == {0.0, 1.0}
    taken = np.cumsum(labels[order])
    expected = labels.mean() * np.arange(1, molecules + 1)
    assert np.abs(taken - expected).max() <= 2.5


def test_orders_differ_with_the_seed_and_the_fold_and_repeat():
    data = family(60)
    first, again, other = (make_folds(data, "compound", 3, seed) for seed in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.orders[0], two.orders[0])
    assert not np.array_equal(first[0].orders[0], other[0].orders[0])
