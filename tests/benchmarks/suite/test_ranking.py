import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from molweight.benchmarks.suite.ranking import (
    complete_block,
    critical_difference,
    find_cliques,
    friedman,
    holm,
    least_corrected,
    rank_methods,
    signed_rank,
)

SCORES = np.array([[0.9, 0.8, 0.7], [0.6, 0.6, 0.5], [0.8, 0.9, 0.1], [0.7, 0.6, 0.5]])
SETS = ["s1", "s2", "s3", "s4"]


@pytest.mark.parametrize(
    ("methods", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (8, 3.031), (10, 3.164)]
)
def test_critical_differences_are_those_of_demsar(methods, quantile):
    """Table 5 (a) of Demšar, JMLR 2006."""
    expected = quantile * math.sqrt(methods * (methods + 1) / (6 * 12))
    assert critical_difference(methods, 12) == pytest.approx(expected, rel=5e-4)


def test_ranks_share_ties_and_come_best_first():
    found = rank_methods(SCORES, ["a", "b", "c"], SETS)
    assert (found.methods, found.ranks) == (["a", "b", "c"], [1.375, 1.625, 3.0])
    assert found.friedman == pytest.approx(stats.friedmanchisquare(*SCORES.T).pvalue)
    assert found.cliques == [(0, 2)]
    assert found.left_out == []


def test_methods_and_sets_with_gaps_are_named():
    scores = np.column_stack([SCORES, [np.nan, np.nan, 0.3, np.nan]])
    scores[3, 0] = np.nan
    found = rank_methods(scores, ["a", "b", "c", "d"], SETS, kept=["a"])
    assert (found.methods, found.sets, found.left_out) == (["a", "b", "c"], SETS[:3], ["d", "s4"])
    assert rank_methods(scores[:1], ["a", "b", "c", "d"], SETS[:1]) is None


def test_friedman_needs_three_methods_that_differ():
    assert math.isnan(friedman(SCORES[:, :2]))
    assert math.isnan(friedman(np.ones((4, 3))))


TABLE = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=6)
)


@given(TABLE)
def test_a_complete_block_has_no_gap_and_nothing_full_is_left_out(table):
    finished = np.array(table)
    rows, columns = complete_block(finished, kept=[0])
    assert finished[np.ix_(rows, columns)].all()
    assert {int(row) for row in np.flatnonzero(finished.all(1))} <= set(rows) or not columns
    if finished[:, 0].any():
        assert 0 in columns


@given(st.lists(st.floats(1, 20), min_size=2, max_size=12), st.floats(0.1, 10))
def test_cliques_join_all_that_cannot_be_told_apart(ranks, difference):
    ranks = np.sort(ranks)
    cliques = find_cliques(ranks, difference)
    joined = {pair for first, last in cliques for pair in itertools.combinations(range(first, last + 1), 2)}
    close = {
        (i, j) for i, j in itertools.combinations(range(len(ranks)), 2) if ranks[j] <= ranks[i] + difference
    }
    assert joined == close
    assert not any(a != b and a[0] <= b[0] and b[1] <= a[1] for a in cliques for b in cliques)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_the_closure_of_bonferroni(p):
    """A hypothesis is rejected where Bonferroni rejects every intersection that it is part of."""
    closed = [
        max(
            min(1.0, size * min(p[j] for j in chosen))
            for size in range(1, len(p) + 1)
            for chosen in itertools.combinations(range(len(p)), size)
            if i in chosen
        )
        for i in range(len(p))
    ]
    assert holm(p) == pytest.approx(closed)


def test_holm_leaves_out_what_is_no_test():
    assert holm([0.01, math.nan, 0.02]) == pytest.approx([0.02, math.nan, 0.02], nan_ok=True)


@pytest.mark.parametrize("gains", [[0.3, 0.1, -0.2, 0.5], [0.3, 0.4, 0.1, 0.2, 0.6, -0.05]])
def test_signed_ranks_are_those_of_all_signs(gains):
    """The exact null distribution, by enumeration."""
    ranks = stats.rankdata(np.abs(gains))
    signs = np.array(list(itertools.product((-1, 1), repeat=len(gains))))
    extreme = np.abs(signs @ ranks) >= abs(np.sign(gains) @ ranks)
    assert signed_rank(gains) == pytest.approx(extreme.mean())


def test_signed_ranks_of_nothing_of_zeros_and_of_ties():
    assert math.isnan(signed_rank([]))
    assert signed_rank([0.0, 0.0]) == 1
    assert 0 < signed_rank([0.0, 0.1, 0.1, -0.1, 0.2]) <= 1


def test_no_gains_come_below_the_least_p():
    sets = [6, 6, 4]
    found = holm([signed_rank(np.arange(1.0, n + 1).tolist()) for n in sets])
    assert found == pytest.approx(least_corrected(sets))
    assert math.isnan(least_corrected([0, 5])[0])
