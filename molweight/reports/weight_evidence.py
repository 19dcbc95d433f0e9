"""What moved objective weights while they were learned, over seeds."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from molweight.solver import StepRecord
from molweight.solver.inverse import DIVERGED, NEGATIVE_CURVATURE
from molweight.solver.weights import evidence


def weight_evidence(histories: Sequence[Sequence[StepRecord]]) -> dict[str, dict[str, list[float]]]:
    """What moved each objective's weight, with each seed: `cosine` and `signal_to_noise`; NaN if unknown.

    Where folds took turns also `folds_t`: the mean of their mean cosines over its standard error.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for name in histories[0][0].weights:
        each = [
            evidence(
                [r.cosines.get(name, math.nan) for r in h], [r.hypergradient.get(name, math.nan) for r in h]
            )
            for h in histories
        ]
        found[name] = {key: [values[key] for values in each] for key in each[0]}
        if all(any(record.fold for record in history) for history in histories):
            found[name]["folds_t"] = [_folds_t(h, name) for h in histories]
    return found


def _folds_t(history: Sequence[StepRecord], name: str) -> float:
    """Student's t of the folds' mean cosines; NaN where a fold has none or all have the same."""
    folds: dict[int, list[float]] = {record.fold: [] for record in history}
    for record in history:
        if math.isfinite(cosine := record.cosines.get(name, math.nan)):
            folds[record.fold].append(cosine)
    if not all(folds.values()):
        return math.nan
    means = [fmean(cosines) for cosines in folds.values()]
    spread = stdev(means)
    return fmean(means) / (spread / math.sqrt(len(means))) if spread > 0 else math.nan


def solver_statuses(histories: Sequence[Sequence[StepRecord]]) -> dict[str, dict[str, float]]:
    """For each level, the share of the steps with a hypergradient in which its solver ended in each way."""
    records = [record for history in histories for record in history if record.statuses]
    levels = sorted({level for record in records for level in record.statuses})
    return {
        level: {
            status: count / len(records)
            for status, count in sorted(Counter(record.statuses[level] for record in records).items())
            if status
        }
        for level in levels
    }


def stopgap_sentences(statuses: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Where a best response is a stopgap, because its solver met what it cannot solve; none is good news.

    Args:
        statuses: as `solver_statuses` counts them.
    """
    return [
        f"{level}: the solver ended with {status} in {share:.0%} of the steps, and its best response "
        "there is a stopgap."
        for level, shares in statuses.items()
        for status in (NEGATIVE_CURVATURE, DIVERGED)
        if (share := shares.get(status, 0.0))
    ]
