"""What a fit in Python came to, as JSON values."""

from math import isfinite
from typing import Any

import numpy as np

from molweight.screening.adapt import Adapted
from molweight.tasks.metrics import score


def mean_weights(adapted: Adapted) -> dict[str, float] | None:
    """Objective weights of the chosen method, a mean over its seeds; None where it has none."""
    found = [t.weights for t in adapted.trials if t.method == adapted.method and t.weights is not None]
    if not found:
        return None
    return {name: float(np.mean([weights[name] for weights in found])) for name in found[0]}


def report(adapted: Adapted, seed: int, without_label: int) -> dict[str, Any]:
    """Every trial, the choice, and how well the ensemble predicts molecules that a member had not seen.

    Args:
        adapted: what adapting came to.
        seed: of its random choices.
        without_label: molecules that were given and not learnt from.
    """
    data, metric = adapted.training.data, adapted.metric
    unseen = score(metric, data.labels, adapted.fitted.out_of_fold, data.tasks)
    return {
        "task": data.kind,
        "tasks": list(data.tasks),
        "method": adapted.method,
        "metric": metric.name,
        "out_of_fold": _finite(unseen.value),
        "test": {name: [_finite(value) for value in values] for name, values in adapted.test.items()},
        "trials": [
            {
                "method": trial.method,
                "seed": trial.seed,
                "valid": _finite(trial.valid),
                "seconds": trial.seconds,
                "weights": trial.weights,
            }
            for trial in adapted.trials
        ],
        "split": adapted.split_name,
        "molecules": len(data.smiles),
        "without_label": without_label,
        "unlabelled": adapted.unlabelled,
        "seed": seed,
        "compute": str(adapted.config.compute),
        "seconds": adapted.seconds,
    }


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if isfinite(value) else None
