from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.errors import ConfigError, DataError
from molweight.molecules.scaffolds import murcko_scaffold
from molweight.screening import acquisition
from molweight.screening.acquisition import Best, confidence_bound, exploit

POOL = ["CCO", "CCN", "c1ccccc1C", "c1ccccc1O", "C1CC1C", "C1CC1O", "C1CCC1", "c1ccncc1", "c1ccoc1"]


@st.composite
def libraries(draw):
    """Scores with many ties, SMILES, and where the stream is cut."""
    count = draw(st.integers(0, 40))
    scores = draw(
        st.lists(st.sampled_from([-np.inf, -1, 0, 0.5, 1, 2, np.inf]), min_size=count, max_size=count)
    )
    smiles = draw(st.lists(st.sampled_from(POOL), min_size=count, max_size=count))
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=6)))
    return np.array(scores, float), smiles, [0, *cuts, count]


def streamed(library, k, per_scaffold, order=None):
    scores, smiles, cuts = library
    rows = np.arange(len(scores)) if order is None else order
    best = Best.nothing(k, per_scaffold)
    for start, end in pairwise(cuts):
        part = rows[start:end]
        best = best.add(scores[part], part, [smiles[i] for i in part])
        assert len(best.rows) <= k
    return best


def sorted_whole(library, k, per_scaffold):
    scores, smiles, _ = library
    seen, rows = set(), []
    for row in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        scaffold = murcko_scaffold(smiles[row]) if per_scaffold else row
        if scaffold not in seen:
            seen.add(scaffold)
            rows.append(row)
    return rows[:k]


@given(libraries(), st.integers(1, 12), st.booleans())
def test_any_chunks_give_what_sorting_the_whole_gives(library, k, per_scaffold):
    best = streamed(library, k, per_scaffold)
    assert best.rows.tolist() == sorted_whole(library, k, per_scaffold)
    assert np.array_equal(best.scores, library[0][best.rows])
    assert best.scaffolds == tuple(murcko_scaffold(library[1][i]) for i in best.rows if per_scaffold)


@given(libraries(), st.integers(1, 12), st.booleans(), st.randoms(use_true_random=False))
def test_any_order_of_the_stream_gives_the_same(library, k, per_scaffold, random):
    order = list(range(len(library[0])))
    random.shuffle(order)
    best = streamed(library, k, per_scaffold, np.array(order, np.int64))
    assert best.rows.tolist() == sorted_whole(library, k, per_scaffold)


def test_a_scaffold_is_computed_only_for_molecules_that_may_be_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(acquisition, "murcko_scaffold", lambda text: asked.append(text) or text)
    best = Best.nothing(2, per_scaffold=True).add(np.array([3.0, 2, 1]), np.arange(3), ["A", "B", "C"])
    assert asked == ["A", "B"]
    best.add(np.array([1.0, 2.5, 0]), np.arange(3, 6), ["D", "E", "F"])
    assert asked == ["A", "B", "E"]


def test_a_score_that_is_no_number_is_refused_by_row():
    with pytest.raises(DataError, match="row 17: its score is not a number"):
        Best.nothing(2).add(np.array([1.0, np.nan]), np.array([5, 17]))


def test_a_scaffold_each_needs_smiles():
    with pytest.raises(ValueError, match="2 scores need as many SMILES"):
        Best.nothing(2, per_scaffold=True).add(np.zeros(2), np.arange(2))


def test_nothing_to_keep_is_refused():
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Best.nothing(0)


def test_scores_of_both_directions():
    mean, std = np.array([1.0, 2.0, 3.0], np.float32), np.array([0.0, 4.0, 1.0], np.float32)
    assert exploit(mean, "max").tolist() == [1, 2, 3]
    assert exploit(mean, "min").tolist() == [-1, -2, -3]
    assert confidence_bound(mean, std, "max", 0.5).tolist() == [1, 4, 3.5]
    assert confidence_bound(mean, std, "min", 0.5).tolist() == [-1, 0, -2.5]
    assert np.array_equal(confidence_bound(mean, std, "min", 0), exploit(mean, "min"))


@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 10))
def test_looking_for_the_smallest_is_looking_for_the_largest_of_the_negative(mean, std, kappa):
    mean, std = np.array([mean]), np.array([std])
    assert confidence_bound(mean, std, "min", kappa) == confidence_bound(-mean, std, "max", kappa)


@pytest.mark.parametrize("kappa", [-1, np.inf, np.nan])
def test_an_impossible_kappa_is_refused(kappa):
    with pytest.raises(ConfigError, match="kappa must be 0 or a positive number"):
        confidence_bound(np.zeros(1), np.zeros(1), "max", kappa)


def test_an_unknown_direction_is_refused():
    with pytest.raises(ConfigError, match="direction must be max or min, got 'up'"):
        exploit(np.zeros(1), "up")
