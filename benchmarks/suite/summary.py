"""What is told of one data set of a suite: scores, cost and weights of every cell, gains with intervals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite.comparison import common_seeds, drawn_gain, gain
from molweight.benchmarks.suite.ensembles import Ensembles, ensemble_facts, ensembles_of
from molweight.benchmarks.suite.redrawing import resample, seed_weights
from molweight.benchmarks.suite.results import SetResults
from molweight.reports.weight_evidence import weight_evidence
from molweight.screening.bootstrap import standard_error
from molweight.tasks.metrics import Metric
from molweight.tasks.variants import base_of, settings_of

OURS = "tapweight"  # what the names of our methods begin with
REFERENCES = ("finetune", "equal", "rf")
COST_UNIT = "finetune"
DIGITS = 6

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SetSummary:
    """One data set and split.

    Attributes:
        name: of the two.
        entry: what `summary.json` says of it.
        metric: that counts.
        seeds: how many were asked for.
        tests: test score of each method and finished seed.
        drawn: the same on test molecules drawn anew, [draws] each.
        ensembles: of the seeds of each method, where they share a test part.
    """

    name: str
    entry: dict[str, Any]
    metric: Metric
    seeds: int
    tests: Mapping[str, Mapping[int, float]]
    drawn: Mapping[str, Mapping[int, Array]]
    ensembles: Ensembles | None

    def finished(self, method: str) -> bool:
        """Whether all seeds are."""
        return len(self.tests[method]) == self.seeds

    def scores(self, method: str) -> list[float]:
        """Test scores of the finished seeds, in their order."""
        return [score for _, score in sorted(self.tests[method].items())]

    def mean(self, method: str) -> float:
        """Mean score over seeds, NaN unless all are finished."""
        return float(np.mean(self.scores(method))) if self.finished(method) else float("nan")


def is_ours(method: str) -> bool:
    """Whether a method learns weights by the three-level problem; `tapweight` and what begins with it."""
    return method.startswith(OURS)


def our_pairs(methods: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each of our methods with every other; two of ours once.

    >>> list(our_pairs(["rf", "tapweight", "tapweight-cg"]))
    [('tapweight', 'rf'), ('tapweight-cg', 'rf'), ('tapweight-cg', 'tapweight')]
    """
    for place, method in enumerate(methods):
        if is_ours(method):
            rivals = (rival for i, rival in enumerate(methods) if i < place or not is_ours(rival))
            yield from ((method, rival) for rival in rivals)


def references(method: str, methods: Sequence[str]) -> list[str]:
    """What a method is compared with before all others: each of `REFERENCES`, with the method's own settings
    where it was tried with these.

    >>> references("tapweight@average=5", ["rf", "finetune", "finetune@average=5"])
    ['finetune@average=5', 'rf']
    """
    settings = settings_of(method)
    found = (r + settings if r + settings in methods else r for r in REFERENCES)
    return [reference for reference in found if reference in methods]


def all_references(methods: Sequence[str]) -> list[str]:
    """Those of all methods, each once.

    >>> all_references(["rf", "tapweight", "finetune@average=5", "tapweight@average=5"])
    ['rf', 'finetune@average=5']
    """
    plain = references(OURS, methods)
    return list(dict.fromkeys([*plain, *(r for m in methods if is_ours(m) for r in references(m, methods))]))


def cost_unit(methods: Sequence[str]) -> str:
    """What costs are multiples of: fine-tuning, with the settings it was tried with where never without.

    >>> cost_unit(["rf", "finetune@average=5"]), cost_unit(["finetune@average=5", "finetune"])
    ('finetune@average=5', 'finetune')
    """
    if COST_UNIT in methods:
        return COST_UNIT
    return next((method for method in methods if base_of(method) == COST_UNIT), COST_UNIT)


def summarise_set(found: SetResults) -> SetSummary:
    """Scores, costs and weights of every cell of a set, and gains on the references."""
    methods, outcomes = list(found.outcomes), found.outcomes
    tests = {m: {seed: o.test.value for seed, o in reached.items()} for m, reached in outcomes.items()}
    predicted = {method: found.predictions(method) for method in methods}
    parts = dict(enumerate(found.digests))
    name = f"{found.name} {found.split}"
    drawn = resample(found.metric, found.labels, parts, predicted, name)
    ensembles = ensembles_of(found, name)
    summary = SetSummary(name, _facts(found), found.metric, len(found.digests), tests, drawn, ensembles)
    unit = outcomes.get(cost_unit(methods), {})
    summary.entry["sampling_error"] = _sampling_error(summary)
    summary.entry["methods"] = {
        method: _method(reached, found.errors[method], unit) for method, reached in outcomes.items()
    }
    summary.entry["gains"] = {
        rival: {m: asdict(each) for m in methods if m != rival and (each := gain_of(summary, m, rival))}
        for rival in all_references(methods)
    }
    if ensembles:
        summary.entry["ensembles"] = ensemble_facts(ensembles, all_references(methods))
    return summary


def gain_of(summary: SetSummary, method: str, rival: str) -> Any:
    """The `Gain` of a method on another, None where they have no seed in common."""
    ours, theirs = summary.tests[method], summary.tests[rival]
    if not common_seeds(ours, theirs):
        return None
    return gain(summary.metric, ours, theirs, *gain_draws(summary, method, rival))


def gain_draws(summary: SetSummary, method: str, rival: str) -> tuple[Array, Array]:
    """What a method gains on another in each draw of molecules, and in each of molecules and seeds."""
    ours, theirs = summary.drawn[method], summary.drawn[rival]
    weights = seed_weights(len(common_seeds(ours, theirs)), summary.name)
    return drawn_gain(summary.metric, ours, theirs), drawn_gain(summary.metric, ours, theirs, weights)


def rounded(content: Any) -> Any:
    """JSON values, with floats of so many digits as a reader can use, and None for what is not finite.

    >>> rounded({"a": [0.123456789, float("nan")], "b": (1,)})
    {'a': [0.123457, None], 'b': [1]}
    """
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    if isinstance(content, float):
        return float(f"{content:.{DIGITS}g}") if math.isfinite(content) else None
    return content


def _facts(found: SetResults) -> dict[str, Any]:
    left_out = {
        task for reached in found.outcomes.values() for o in reached.values() for task in o.test.left_out
    }
    return {
        "kind": found.metric.kind,
        "metric": found.metric.name,
        "higher_is_better": found.metric.higher_is_better,
        "tasks": len(found.tasks),
        "tasks_left_out": sorted(left_out),
        "sizes": dict(found.sizes[0]),
        "digests": list(dict.fromkeys(found.digests)),
        "note": found.note,
        "seeds": len(found.digests),
    }


def _method(reached: Mapping[int, Outcome], errors: Mapping[int, str], unit: Mapping[int, Outcome]) -> Any:
    outcomes = list(reached.values())
    found: dict[str, Any] = {
        "seeds": list(reached),
        "test": [o.test.value for o in outcomes],
        "others": {
            name: [o.others[name] for o in outcomes] for name in (outcomes[0].others if outcomes else ())
        },
        "valid": [o.valid for o in outcomes],
        "seconds": [o.seconds for o in outcomes],
        "machine": [o.machine for o in outcomes],
        "cost": _cost(outcomes, list(unit.values())),
        "failed": {str(seed): error for seed, error in errors.items()},
    }
    if weights := [o.weights for o in outcomes if o.weights]:
        found["weights"] = {name: [w[name] for w in weights] for name in weights[0]}
    if histories := [o.history for o in outcomes if o.history]:
        found["evidence"] = weight_evidence(histories)
    return found


def _cost(outcomes: Sequence[Outcome], unit: Sequence[Outcome]) -> float:
    """Seconds as a multiple of the unit's on the same machine; NaN where there the unit has not been run."""
    by_machine: dict[str, list[float]] = {}
    for each in unit:
        by_machine.setdefault(each.machine, []).append(each.seconds)
    ratios = [o.seconds / np.mean(by_machine[o.machine]) for o in outcomes if o.machine in by_machine]
    return float(np.mean(ratios)) if ratios else float("nan")


def _sampling_error(summary: SetSummary) -> float:
    """Bootstrap standard error of a method's mean score over seeds, median over finished methods."""
    spreads = [
        standard_error(np.mean(list(drawn.values()), axis=0))
        for method, drawn in summary.drawn.items()
        if summary.finished(method)
    ]
    return float(np.median(spreads)) if spreads else float("nan")
