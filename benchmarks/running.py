"""Methods x seeds of a benchmark in any domain; what was reached before is taken as it is."""

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Protocol

from molweight.benchmarks.outcomes import Outcome, Outcomes
from molweight.reports.progress import Advance, announce, progress_bar
from molweight.reports.side_by_side import side_by_side
from molweight.solver import StepRecord
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.metrics import Score

Run = Callable[[str, int, Advance], Outcome]


class AnyFitted(Protocol):
    """What a method comes to, whatever it was fitted on."""

    @property
    def valid(self) -> float:
        """Validation score."""

    @property
    def predict(self) -> Callable[[Any], Any]:
        """From positions in the data to outputs."""

    @property
    def weights(self) -> dict[str, float] | None:
        """Of the objectives, where there were any."""

    @property
    def history(self) -> list[StepRecord]:
        """Of learning them."""


def run_all(
    name: str,
    methods: Collection[str],
    seeds: int,
    kept: Outcomes,
    metric: str,
    run: Run,
    ranks: Ranks = ALONE,
    jobs: int = 1,
) -> dict[str, list[Outcome]]:
    """Run every method with every seed, each outcome kept as soon as it is reached.

    Args:
        name: data set, for the lines shown.
        methods: names.
        seeds: number of them, from 0.
        kept: where outcomes are, and those of an interrupted run lie already.
        metric: its name, for the lines shown.
        run: from a method's name, a seed and a function that reports progress to the outcome.
        ranks: all of which come to each outcome; rank 0 keeps it.
        jobs: processes; -1 for one on each core. Several ranks have one each.
    """

    def shown(label: str, seed: int) -> Outcome:
        with progress_bar(f"{name}: {label}, seed {seed}") as advance:
            return run(label, seed, advance)

    asked = [(label, seed) for label in methods for seed in range(seeds)]
    found: dict[tuple[str, int], Outcome] = {}
    for label, seed in asked:
        if (before := ranks.once(partial(kept.load, label, seed))) is not None:
            announce(f"{name}: {label}, seed {seed}: done before")
            found[label, seed] = before
    left = [each for each in asked if each not in found]
    for place, outcome in side_by_side(shown, left, jobs, name):
        label, seed = left[place]
        if ranks.first:
            kept.save(label, seed, outcome)
        reached = f"valid {metric} {outcome.valid:.3f} in {outcome.seconds:.0f} s"
        announce(f"{name}: {label}, seed {seed}: {reached}")
        found[label, seed] = outcome
    return {label: [found[label, seed] for seed in range(seeds)] for label in methods}


def outcome_of(
    fit: Callable[[], AnyFitted],
    test: Any,
    metric: str,
    scores: Callable[[Any], dict[str, Score]],
    machine: str,
) -> Outcome:
    """Fit on data without test labels, predict, and only then score against them.

    Args:
        fit: the method on its job.
        test: positions of the test part.
        metric: name of the score that counts.
        scores: from outputs for the test part to the score by each metric of the kind.
        machine: device and precision.
    """
    began = time.perf_counter()
    fitted = fit()
    predicted = fitted.predict(test)
    seconds = time.perf_counter() - began
    found = scores(predicted)
    headline = found.pop(metric)
    others = {name: each.value for name, each in found.items()}
    return Outcome(
        headline, others, fitted.valid, seconds, fitted.weights, fitted.history, machine, predicted
    )
