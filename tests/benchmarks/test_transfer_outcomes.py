import numpy as np
import pytest
from scipy.stats import binomtest

from molweight.benchmarks.transfer_methods import Verdicts
from molweight.benchmarks.transfer_outcomes import Outcome, compare, powers, tally, told_comparison


def outcome(family: str, seed: int, method: str, helping: int, seconds: float, overlap=1.0) -> Outcome:
    """A data set of ten pairs, of which so many are called helping and one harming."""
    signs = (1,) * helping + (-1,) + (0,) * (9 - helping)
    return Outcome(family, seed, overlap, method, Verdicts(signs, tuple(map(float, signs)), seconds, 20))


def sets(method: str, helping: list[int], false: list[int], seconds: float = 10.0) -> list[Outcome]:
    return [outcome("shared", seed, method, n, seconds) for seed, n in enumerate(helping)] + [
        outcome("independent", seed, method, n, seconds) for seed, n in enumerate(false)
    ]


def test_verdicts_are_counted_by_family():
    found = {each.family: each for each in tally(sets("m", [4, 6], [0, 1]))}
    assert (found["shared"].pairs, found["shared"].helping, found["shared"].harming) == (20, 10, 2)
    assert (found["independent"].helping, found["independent"].seconds) == (1, 1.0)
    assert found["shared"].networks == 2


def test_power_and_false_alarms_come_with_intervals():
    (found,) = powers(sets("m", [2, 4, 6, 8], [0, 1]))
    assert found.power[0] == 0.5
    assert 0.2 <= found.power[1] < 0.4 < 0.6 < found.power[2] <= 0.8
    ends = binomtest(1, 20).proportion_ci(0.95, "exact")
    assert found.false == (0.05, ends.low, ends.high)
    helps, others = np.array([1] * 20 + [0] * 16 + [-1] * 4), np.array([1] + [0] * 17 + [-1] * 2)
    right = (helps[:, None] > others).mean() + (helps[:, None] == others).mean() / 2
    assert found.told[0] == pytest.approx(right)


def test_of_families_that_help_alone_there_are_no_false_alarms_to_count():
    (found,) = powers([outcome("shared", 0, "m", 4, 1.0)])
    assert found.power == (0.4, 0.4, 0.4)
    assert np.isnan([*found.false, *found.told]).all()


@pytest.mark.parametrize(
    ("cheap", "seconds", "power", "cost"),
    [
        ([8, 7, 8, 8], 1.0, "met", "met"),
        ([4, 3, 4, 4], 1.1, "not met", "not met"),
        ([9, 4, 9, 5], 0.5, "undecided", "met"),
    ],
)
def test_what_is_kept_is_decided_where_the_interval_decides(cheap, seconds, power, cost):
    outcomes = sets("cheap", [*cheap, 0], [0], seconds) + sets("costly", [8, 7, 8, 8], [0])
    found = compare(outcomes, "cheap", "costly")
    assert found.pairs == 40  # the fifth data set was not tried by both
    assert found.found == (sum(cheap), 31)
    assert found.kept[0] == pytest.approx(sum(cheap) / 31)
    assert found.cost == pytest.approx(seconds / 10)
    assert (found.keeps_power, found.keeps_cost) == (power, cost)
    assert f"{found.found[0]} and costly 31 of 40 pairs" in told_comparison(found)


def test_methods_without_a_common_data_set_are_not_compared():
    costly = [
        outcome("shared", 0, "costly", 4, 1.0, overlap=0.3),
        outcome("independent", 0, "costly", 4, 1.0),
    ]
    assert compare(sets("cheap", [4], [0]) + costly, "cheap", "costly") is None
