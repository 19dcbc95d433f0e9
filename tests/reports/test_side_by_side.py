import os
import sys
import time

import joblib
import numpy as np
import pytest

from molweight.errors import ConfigError, DataError
from molweight.reports.side_by_side import CORES, processes, run_calls, side_by_side


def test_one_process_is_this_one_and_goes_in_order():
    here = []

    def call(number, factor):
        here.append(os.getpid())
        return number * factor

    assert list(side_by_side(call, [(3, 1), (2, 10), (1, 100)], 1, "calls")) == [(0, 3), (1, 20), (2, 100)]
    assert here == [os.getpid()] * 3


def test_several_processes_give_each_result_with_its_place_as_soon_as_it_is_there(capfd):
    def call(number):
        time.sleep(1.5 if number == 0 else 0)
        return number**2, os.getpid(), os.environ["LOKY_MAX_CPU_COUNT"]

    before = os.environ.get(CORES)
    found = list(side_by_side(call, [(number,) for number in range(4)], 2, "calls"))
    assert {place: square for place, (square, _, _) in found} == {0: 0, 1: 1, 2: 4, 3: 9}
    assert found[-1][0] == 0  # the one that takes longest
    assert len({process for _, (_, process, _) in found} - {os.getpid()}) == 2
    assert all(int(cores) >= 1 for _, (_, _, cores) in found)
    assert os.environ.get(CORES) == before
    assert capfd.readouterr() == ("", "")


def test_one_call_that_is_left_has_no_more_cores_than_it_would_have_had_among_others():
    def call():
        return os.getpid(), os.environ[CORES]

    ((place, (process, cores)),) = side_by_side(call, [()], 2, "calls")
    assert place == 0
    assert process != os.getpid()
    assert int(cores) == max(1, joblib.cpu_count() // 2)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_call_raises_is_raised_here(jobs):
    def call(number):
        if number == 1:
            raise DataError("row 7: no label")
        return number

    with pytest.raises(DataError, match="row 7: no label"):
        list(side_by_side(call, [(0,), (1,)], jobs, "calls"))


def test_nothing_to_do_gives_nothing():
    assert list(side_by_side(print, [], 2, "calls")) == []


def test_a_number_of_processes_is_one_or_more_or_that_of_the_cores():
    assert processes(3) == 3
    assert processes(-1) >= 1
    for wrong in (0, -2):
        with pytest.raises(ConfigError, match=f"--jobs must be at least 1, or -1 .*, got {wrong}"):
            processes(wrong)


@pytest.mark.slow
def test_a_worker_that_has_grown_is_renewed_and_no_result_is_lost():
    # an inner function is sent whole: a worker cannot import test modules
    def grown(number):
        """Leaves 400 MB in its process, which joblib finds after a second."""
        sys.grown = [*getattr(sys, "grown", []), np.ones(50_000_000)]
        time.sleep(1.2)
        return number, os.getpid()

    found = list(run_calls([joblib.delayed(grown)(number) for number in range(6)], jobs=2))
    assert [number for number, _ in found] == list(range(6))
    assert len({worker for _, worker in found}) > 2
