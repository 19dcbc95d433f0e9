import gc

import pytest

from molweight.benchmarks.speed.timing import ratio, time_in_turn


def test_every_call_runs_in_every_round_and_another_goes_first():
    order = []
    calls = {label: lambda label=label: order.append(label) for label in "abc"}
    seconds = time_in_turn(calls, rounds=2, warmup=1)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert {label: len(took) for label, took in seconds.items()} == {"a": 2, "b": 2, "c": 2}
    assert all(took >= 0 for each in seconds.values() for took in each)


def test_one_round_without_warm_up():
    assert list(time_in_turn({"a": int}, rounds=1, warmup=0)) == ["a"]


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        time_in_turn({"a": int}, rounds=0)


def test_garbage_collection_is_off_while_timing_and_on_again_after_an_error():
    seen = []

    def fail():
        seen.append(gc.isenabled())
        raise KeyError

    with pytest.raises(KeyError):
        time_in_turn({"a": fail}, rounds=1)
    assert seen == [False]
    assert gc.isenabled()


def test_ratios_are_taken_round_by_round():
    found = ratio([2.0, 40.0, 300.0], [1.0, 10.0, 100.0])
    assert (found.lower, found.median, found.upper) == (2.5, 3.0, 3.5)
    assert str(found) == "3.00 (2.50 to 3.50)"
