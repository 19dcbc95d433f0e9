from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.errors import DataError
from molweight.molecules.folds import deal, scaffold_parts
from molweight.molecules.scaffolds import murcko_scaffold

SMILES = ["c1ccccc1C", "c1ccccc1O", "C1CCCCC1", "C1CCCCC1N", "c1ccncc1", "C1CCNCC1", "c1ccoc1", "CCO"]


@given(st.lists(st.integers(1, 6), min_size=5, max_size=40), st.integers(2, 5), st.integers(0, 99))
def test_folds_are_filled_evenly(sizes, folds, seed):
    ends = np.cumsum([0, *sizes])
    groups = [list(range(a, b)) for a, b in pairwise(ends)]
    member = deal(groups, folds, seed)
    assert all(len(set(member[group])) == 1 for group in groups)
    filled = np.bincount(member, minlength=folds)
    assert filled.max() - filled.min() <= max(sizes)


def test_each_molecule_is_held_out_once_with_its_whole_scaffold():
    molecules = np.array([0, 1, 2, 3, 4, 6, 7])
    parts = scaffold_parts(SMILES, molecules, 3, 0)
    held_out = np.concatenate([inside for _, inside in parts])
    np.testing.assert_array_equal(np.sort(held_out), molecules)
    for outside, inside in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([outside, inside])), molecules)
        assert not {murcko_scaffold(SMILES[i]) for i in outside} & {
            murcko_scaffold(SMILES[i]) for i in inside
        }


def test_there_are_no_more_folds_than_scaffolds():
    assert len(scaffold_parts(SMILES, np.arange(4), 3, 0)) == 2


def test_one_scaffold_is_refused():
    with pytest.raises(DataError, match="all 2 molecules have one scaffold"):
        scaffold_parts(SMILES, np.arange(2), 3, 0)
