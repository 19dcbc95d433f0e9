"""Timing several things against each other on a machine whose speed drifts."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ratio:
    """Cost as a multiple of another's: median over rounds, and both quartiles."""

    median: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lower:.2f} to {self.upper:.2f})"


def time_in_turn(
    calls: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Seconds that each call took in each round.

    Every round runs all of them once, so that a slow minute of the machine falls on all alike; another
    one goes first in each round.

    Args:
        calls: what to time, by label.
        rounds: timed rounds.
        warmup: rounds before them, not counted.

    Raises:
        ValueError: if there is no round to time.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    seconds: dict[str, list[float]] = {label: [] for label in calls}
    order = list(calls)
    gc.collect()
    gc.freeze()  # what was there before is not looked through again and again
    try:
        for number in range(-warmup, rounds):
            for label in order:
                took = _seconds(calls[label])
                if number >= 0:
                    seconds[label].append(took)
            order.append(order.pop(0))
    finally:
        gc.unfreeze()
    return seconds


def ratio(seconds: Sequence[float], unit: Sequence[float]) -> Ratio:
    """How many times as long as the unit, round by round.

    >>> print(ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]))
    2.00 (2.00 to 2.50)
    """
    lower, median, upper = np.quantile(np.asarray(seconds) / np.asarray(unit), [0.25, 0.5, 0.75])
    return Ratio(float(median), float(lower), float(upper))


def _seconds(call: Callable[[], object]) -> float:
    gc.collect()  # one call's garbage must not be collected on another's time
    gc.disable()
    try:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    finally:
        gc.enable()
