"""Forms of a learning curve: the score as a function of the task's own samples and of others'."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CEILING = 1.0  # of ROC-AUC and of R²
STEEPEST = 5.0  # a curve is flat within e^-5 at its smallest size: steeper ones cannot be told apart
FALLING = 3.0  # what is missing to the ceiling grows e^3 times at most where other samples harm


@dataclass(frozen=True)
class Form:
    """A family of curves.

    Attributes:
        name: of the form.
        parameters: their names.
        value: (parameters [p], own samples [points], other samples [points]) to scores [points].
        jacobian: likewise to [points, p].
        bounds: (own, other, scores) to the lowest and highest value of each parameter, each [p].
        starts: (own, other, scores, weights), each [points], to where to begin, best first: [starts, p].
    """

    name: str
    parameters: tuple[str, ...]
    value: Callable[[Array, Array, Array], Array]
    jacobian: Callable[[Array, Array, Array], Array]
    bounds: Callable[[Array, Array, Array], tuple[Array, Array]]
    starts: Callable[[Array, Array, Array, Array], Array]


def rates(n: Array) -> tuple[float, float]:
    """Smallest and largest rate that samples [points] can tell from none and from at once."""
    present = n[n > 0]
    if len(present) == 0:
        return -1.0, 1.0
    return -FALLING / float(present.max()), STEEPEST / float(present.min())


def _decay(p: Array, own: Array, other: Array) -> Array:
    return np.exp(np.minimum(p[1] - p[2] * own - (p[3] * other if len(p) > 3 else 0.0), 50.0))


def _exponential(p: Array, own: Array, other: Array) -> Array:
    return p[0] - _decay(p, own, other)


def _exponential_jacobian(p: Array, own: Array, other: Array) -> Array:
    missing = _decay(p, own, other)
    return np.stack([np.ones_like(own), -missing, missing * own, missing * other][: len(p)], axis=1)


def _floor(scores: Array) -> float:
    return min(float(scores.min()), CEILING) - 0.05


def _exp3_bounds(own: Array, other: Array, scores: Array) -> tuple[Array, Array]:
    return (
        np.array([_floor(scores), np.log(1e-6), 0.0]),
        np.array([CEILING, np.log(20.0), rates(own)[1]]),
    )


def _exp32_bounds(own: Array, other: Array, scores: Array) -> tuple[Array, Array]:
    low, high = _exp3_bounds(own, other, scores)
    falling, steepest = rates(other)
    return np.append(low, falling), np.append(high, steepest)


def _exponential_starts(own: Array, other: Array, scores: Array, weights: Array, two: bool) -> Array:
    """Rates on a coarse grid; for each, ceiling and amplitude that fit best, which is a linear problem."""
    fast = rates(own)[1] * np.geomspace(0.003, 0.7, 10)
    slowest, steepest = rates(other)
    aside = np.concatenate([[0.7, 0.2] * np.array(slowest), [0.0], steepest * np.geomspace(0.003, 0.7, 8)])
    grid = np.array([(a, s) for a in fast for s in (aside if two else [0.0])])
    basis = np.exp(-grid[:, :1] * own - grid[:, 1:] * other)  # [grid, points]
    share = weights**2 / (weights**2).sum()
    centred, target = basis - (basis @ share)[:, None], scores - scores @ share
    amplitude = -(centred * target) @ share / np.maximum((centred**2) @ share, 1e-12)
    amplitude = np.clip(amplitude, 1e-5, 10.0)
    ceiling = np.minimum(scores @ share + amplitude * (basis @ share), CEILING)
    missed = ((ceiling[:, None] - amplitude[:, None] * basis - scores) ** 2) @ share
    found = np.column_stack([ceiling, np.log(amplitude), grid])
    return found[np.argsort(missed, kind="stable")][:, : 4 if two else 3]


EXP3 = Form(
    "exp3",
    ("c", "b", "a"),
    _exponential,
    _exponential_jacobian,
    _exp3_bounds,
    lambda own, other, scores, weights: _exponential_starts(own, other, scores, weights, False),
)
EXP3_2 = Form(
    "exp3.2",
    ("c", "b", "a_own", "a_other"),
    _exponential,
    _exponential_jacobian,
    _exp32_bounds,
    lambda own, other, scores, weights: _exponential_starts(own, other, scores, weights, True),
)


def _power(p: Array, own: Array, other: Array) -> Array:
    return p[0] - np.exp(p[1] - p[2] * np.log(own))


def _power_jacobian(p: Array, own: Array, other: Array) -> Array:
    missing = np.exp(p[1] - p[2] * np.log(own))
    return np.stack([np.ones_like(own), -missing, missing * np.log(own)], axis=1)


def _power_starts(own: Array, other: Array, scores: Array, weights: Array) -> Array:
    """A few exponents; the power law is the exponential one in the logarithm of the samples."""
    return _exponential_starts(np.log(own), other, scores, weights, False)


def _power_bounds(own: Array, other: Array, scores: Array) -> tuple[Array, Array]:
    return np.array([_floor(scores), np.log(1e-6), 0.0]), np.array([CEILING, 10.0, STEEPEST])


POWER = Form("power", ("c", "b", "a"), _power, _power_jacobian, _power_bounds, _power_starts)


def _logarithm_starts(own: Array, other: Array, scores: Array, weights: Array) -> Array:
    slope, offset = np.polyfit(np.log(own), scores, 1, w=weights)
    return np.array([[offset, max(slope, 0.0)]])


LOGARITHM = Form(
    "logarithm",
    ("c", "a"),
    lambda p, own, other: p[0] + p[1] * np.log(own),
    lambda p, own, other: np.stack([np.ones_like(own), np.log(own)], axis=1),
    lambda own, other, scores: (np.array([-20.0, 0.0]), np.array([CEILING, 10.0])),
    _logarithm_starts,
)

FORMS: dict[str, Form] = {form.name: form for form in (EXP3, EXP3_2, POWER, LOGARITHM)}
