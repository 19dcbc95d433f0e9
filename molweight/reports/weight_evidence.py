"""What moved objective weights while they were learned, over seeds."""

from collections.abc import Sequence

from molweight.solver import StepRecord
from molweight.solver.weights import evidence


def weight_evidence(histories: Sequence[Sequence[StepRecord]]) -> dict[str, dict[str, list[float]]]:
    """What moved each objective's weight, with each seed: `cosine` and `signal_to_noise`."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in histories[0][0].weights:
        each = [evidence([r.cosines[name] for r in h], [r.hypergradient[name] for r in h]) for h in histories]
        found[name] = {key: [values[key] for values in each] for key in each[0]}
    return found
