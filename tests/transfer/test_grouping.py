import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from molweight.transfer.grouping import MOST_EXACT, best_grouping, member_gains


def divisions(tasks: list[int]):
    """All divisions of a list into groups, by plain recursion."""
    if not tasks:
        yield []
        return
    for rest in divisions(tasks[1:]):
        yield [[tasks[0]], *rest]
        for place in range(len(rest)):
            yield [*rest[:place], [tasks[0], *rest[place]], *rest[place + 1 :]]


def total(gains, groups) -> float:
    return sum(float(gains[i, j]) for group in groups for i in group for j in group if i != j)


def of_tasks(low: int, high: int):
    sizes = st.integers(low, high)
    return sizes.flatmap(lambda n: arrays(np.float64, (n, n), elements=st.floats(-1, 1, width=32)))


@settings(max_examples=30)
@given(of_tasks(1, 5))
def test_no_division_of_few_tasks_gains_more(gains):
    found = best_grouping(gains)
    best = max(total(gains, groups) for groups in divisions(list(range(len(gains)))))
    assert total(gains, found) == pytest.approx(best, abs=1e-9)
    assert sorted(task for group in found for task in group) == list(range(len(gains)))


@settings(max_examples=20)
@given(of_tasks(MOST_EXACT + 1, MOST_EXACT + 4))
def test_many_tasks_gain_no_less_than_alone_or_all_together(gains):
    found = best_grouping(gains)
    everyone = range(len(gains))
    assert sorted(task for group in found for task in group) == list(everyone)
    assert total(gains, found) >= max(0.0, total(gains, [everyone])) - 1e-9


@pytest.mark.parametrize("tasks", [9, 24])
def test_planted_groups_are_found(tasks):
    generator = np.random.default_rng(0)
    member = generator.permutation(np.arange(tasks) % 3)
    gains = np.where(member == member[:, None], 0.1, -0.05) + generator.normal(0, 0.02, (tasks, tasks))
    planted = {tuple(np.flatnonzero(member == group).tolist()) for group in range(3)}
    assert set(best_grouping(gains)) == planted


def test_what_is_not_measured_must_be_said():
    gains = np.zeros((3, 3))
    gains[0, 1] = np.nan
    with pytest.raises(ValueError, match="not measured"):
        best_grouping(gains)


def test_the_diagonal_is_not_read():
    gains = np.array([[np.nan, 0.2], [-0.1, np.nan]])
    assert best_grouping(gains) == ((0, 1),)
    np.testing.assert_allclose(member_gains(gains, [[0, 1]]), [0.2, -0.1])
