"""Calls that do not depend on each other, in processes of this machine, shown by one bar."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import joblib

from molweight.errors import ConfigError
from molweight.reports.progress import progress_bar, silence

Result = TypeVar("Result")
CORES = "LOKY_MAX_CPU_COUNT"  # that joblib takes a machine to have


def processes(jobs: int) -> int:
    """How many are meant: -1 is one for each core.

    Raises:
        ConfigError: if it is another number below 1.
    """
    if jobs < 1 and jobs != -1:
        raise ConfigError(f"--jobs must be at least 1, or -1 for one on each core, got {jobs}")
    return joblib.cpu_count() if jobs == -1 else jobs


def process_facts(jobs: int) -> dict[str, int]:
    """What of them a resumed run must agree on, as each number of them rounds otherwise; of one, nothing.

    >>> process_facts(1), process_facts(3)
    ({}, {'number of processes': 3})
    """
    count = processes(jobs)
    return {"number of processes": count} if count > 1 else {}


def side_by_side(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], jobs: int, title: str
) -> Iterator[tuple[int, Result]]:
    """Results with their places in the arguments, each as soon as it is there.

    With one process they come in order, from this one, and the function shows its own progress. With
    several, its bars are hidden, and each process has its share of the cores, whatever the number of
    calls: a run that goes on with its last one comes to the bits that it would have come to.

    Args:
        function: may be a closure; what it raises is raised here, and ends the other calls.
        arguments: of each call.
        jobs: processes; -1 for one on each core.
        title: of the bar.
    """
    count = processes(jobs)
    if count == 1:
        yield from ((place, function(*each)) for place, each in enumerate(arguments))
        return
    cores = max(1, joblib.cpu_count() // count)
    calls = [joblib.delayed(_quietly)(cores, place, function, each) for place, each in enumerate(arguments)]
    with progress_bar(f"{title}, {count} at once") as advance:
        for done, result in enumerate(_results(calls, count, "generator_unordered"), 1):
            advance(done, len(calls), "")
            yield result


def run_calls(calls: Sequence[Any], jobs: int) -> Iterator[Any]:
    """Results of joblib's delayed calls in order, each as soon as it and those before are there.

    Args:
        calls: to be made; one alone is made in this process.
        jobs: processes; -1 for one on each core.
    """
    return _results(calls, 1 if len(calls) < 2 else jobs, "generator")


def _results(calls: Sequence[Any], workers: int, order: str) -> Iterator[Any]:
    with warnings.catch_warnings():
        # one that has grown is replaced; nothing is lost
        warnings.filterwarnings("ignore", "A worker stopped")
        yield from joblib.Parallel(workers, return_as=order)(calls)


def _quietly(
    cores: int, place: int, function: Callable[..., Result], arguments: tuple[Any, ...]
) -> tuple[int, Result]:
    os.environ[CORES] = str(cores)  # forests would take all of them
    with silence():
        return place, function(*arguments)
