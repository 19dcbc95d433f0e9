"""What moved objective weights while they were learned, over seeds."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from molweight.solver import StepRecord
from molweight.solver.inverse import DIVERGED, NEGATIVE_CURVATURE
from molweight.solver.weights import evidence


def weight_evidence(histories: Sequence[Sequence[StepRecord]]) -> dict[str, dict[str, list[float]]]:
    """What moved each objective's weight, with each seed: `cosine` and `signal_to_noise`; NaN if unknown."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in histories[0][0].weights:
        each = [
            evidence(
                [r.cosines.get(name, math.nan) for r in h], [r.hypergradient.get(name, math.nan) for r in h]
            )
            for h in histories
        ]
        found[name] = {key: [values[key] for values in each] for key in each[0]}
    return found


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
