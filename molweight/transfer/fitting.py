"""From scores to curves: of each task alone, of each pair, and of each task with all others."""

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.curves import Fit, compare_forms, fit_curve
from molweight.transfer.designs import Grid
from molweight.transfer.forms import EXP3, EXP3_2

Array = NDArray[np.float64]


def fit_alone(grid: Grid, scores: Array, level: float) -> Fit | None:
    """EXP3 of one task, scores [folds, own]; None where there are too few."""
    own = np.array(grid.own, np.float64)
    enough = (np.isfinite(scores).sum(axis=0) >= 2).sum() >= len(EXP3.parameters)
    return fit_curve(EXP3, own, np.zeros_like(own), scores, level=level) if enough else None


def fit_with_others(grid: Grid, alone: Array, scores: Array, samples: Array, level: float) -> Fit | None:
    """EXP3.2 of one task.

    Args:
        grid: sizes.
        alone: scores without others, [folds, own].
        scores: scores with others, [folds, own, other].
        samples: of others, [other].
        level: of the intervals.

    Returns:
        The fit; None where fewer than two sizes of the other samples, or of its own, have scores.
    """
    own, other = np.meshgrid(np.array(grid.own, np.float64), np.array([0.0, *samples]), indexing="ij")
    joined = np.concatenate([alone[:, :, None], scores], axis=2)
    known = np.isfinite(joined).sum(axis=0) >= 2
    if known.any(axis=1).sum() < 3 or known.any(axis=0).sum() < 2:
        return None
    return fit_curve(EXP3_2, own.ravel(), other.ravel(), joined.reshape(len(joined), -1), level=level)


def compare_on_tasks(grid: Grid, alone: Array) -> dict[str, float]:
    """Mean error of each form in foretelling scores at the largest size from those at smaller ones.

    Args:
        grid: sizes.
        alone: scores, [folds, own, tasks]; tasks that lack any size are left out.

    Returns:
        Mean absolute error by form; nothing where there are fewer than four sizes, or no such task.
    """
    complete = [t for t in range(alone.shape[2]) if np.isfinite(alone[:, :, t]).all()]
    if len(grid.own) < 4 or not complete:
        return {}
    own = np.array(grid.own, np.float64)
    errors = [compare_forms(own, np.zeros_like(own), alone[:, :, t]) for t in complete]
    return {name: float(np.mean([each[name] for each in errors])) for name in errors[0]}
