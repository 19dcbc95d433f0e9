"""Learning curves fitted to scores over folds, with intervals that say what the folds can tell.

A task's own curve is EXP3, c - exp(b - a n). With the samples of other tasks beside its own it is EXP3.2,
c - exp(b - a_own n_own - a_other n_other): contextual where n_other counts the samples of all other tasks
together, and pairwise where it counts those of one task (our reading: the same form, a rate for each pair).
A sample of the other task is then worth a_other / a_own samples of the task's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import least_squares

from molweight.transfer.forms import FORMS, Array, Form

STARTS = 3
MOST_STEPS = 200
MOST_RESAMPLED = 30  # steps, from where the fit to all folds is
NEGLIGIBLE = 1e-4  # of the score: what a parameter changes over all its bounds, past what others can do


@dataclass(frozen=True)
class Parameter:
    """An estimate, its interval, and whether the scores say anything about it."""

    value: float
    low: float
    high: float
    identified: bool


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    Attributes:
        form: its name in `FORMS`.
        parameters: by name, with intervals.
        covariance: float64 [p, p], of the estimates over resampled folds.
        folds: number of folds, whose number less one is the degrees of freedom of intervals.
        level: of the intervals.
        residual: root mean square of the mean scores about the curve.
        largest: own and other samples up to which there were scores.
    """

    form: str
    parameters: dict[str, Parameter]
    covariance: Array
    folds: int
    level: float
    residual: float
    largest: tuple[float, float]

    @property
    def values(self) -> Array:
        """The estimates: float64 [p]."""
        return np.array([each.value for each in self.parameters.values()])

    def predict(self, own: Array, other: Array) -> Array:
        """Scores at these numbers of samples, each [points]."""
        return FORMS[self.form].value(self.values, own, other)

    def band(self, own: Array, other: Array) -> tuple[Array, Array]:
        """Lower and upper end of the intervals of the curve itself, each [points] (delta method)."""
        jacobian = FORMS[self.form].jacobian(self.values, own, other)
        variance = np.einsum("np,pq,nq->n", jacobian, self.covariance, jacobian)
        margin = _t(self.level, self.folds) * np.sqrt(np.maximum(variance, 0.0))
        middle = self.predict(own, other)
        return middle - margin, middle + margin

    def to_json(self) -> dict[str, Any]:
        """JSON values, as `from_json` takes them."""
        return {
            "form": self.form,
            "parameters": {name: vars(each) for name, each in self.parameters.items()},
            "covariance": self.covariance.tolist(),
            "folds": self.folds,
            "level": self.level,
            "residual": self.residual,
            "largest": list(self.largest),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Fit":
        """Back from JSON values."""
        parameters = {name: Parameter(**each) for name, each in found["parameters"].items()}
        return cls(
            found["form"],
            parameters,
            np.array(found["covariance"], np.float64),
            found["folds"],
            found["level"],
            found["residual"],
            (found["largest"][0], found["largest"][1]),
        )


def fit_curve(
    form: Form,
    own: Array,
    other: Array,
    scores: Array,
    resamples: int = 50,
    level: float = 0.95,
    seed: int = 0,
) -> Fit:
    """Fit a curve to the mean over folds, points weighted by the folds' spread.

    The fit is repeated on resampled folds; their covariance, times folds / (folds - 1) because the bootstrap
    of so few falls short by that, gives Student's intervals. Folds share molecules, so intervals are of the
    choice of molecules to learn from and to test on, not of another set of molecules.

    Args:
        form: of the curve.
        own: the task's own samples, [points].
        other: those of other tasks, [points].
        scores: [folds, points], higher is better, 1 at best; NaN where there is none.
        resamples: of the folds.
        level: of the intervals.
        seed: of the resamples.

    Raises:
        ValueError: if there are fewer points or folds than a fit needs.
    """
    known = np.isfinite(scores).sum(axis=0) >= 2
    own, other, scores = own[known], other[known], scores[:, known]
    if len(own) < len(form.parameters) or len(scores) < 2:
        raise ValueError(
            f"{form.name} has {len(form.parameters)} parameters, and there are {len(own)} points scored in "
            "two folds or more"
        )
    weights = _weights(scores)
    bounds = form.bounds(own, other, np.nanmean(scores, axis=0))
    found = _fit_mean(form, own, other, np.nanmean(scores, axis=0), weights, bounds)
    covariance = _resampled(form, own, other, scores, weights, bounds, found, resamples, seed)
    covariance *= len(scores) / (len(scores) - 1)
    jacobian = form.jacobian(found, own, other)
    parameters = _parameters(form, found, covariance, bounds, jacobian, _t(level, len(scores)))
    left = form.value(found, own, other) - np.nanmean(scores, axis=0)
    largest = float(own.max()), float(other.max())
    return Fit(
        form.name, parameters, covariance, len(scores), level, float(np.sqrt(np.mean(left**2))), largest
    )


def compare_forms(
    own: Array, other: Array, scores: Array, forms: tuple[str, ...] = ("exp3", "power", "logarithm")
) -> dict[str, float]:
    """How well each form, fitted to smaller sizes, foretells the largest: mean absolute error of the score.

    Args:
        own: samples, [points], of at least five different sizes.
        other: those of other tasks, [points].
        scores: [folds, points].
        forms: their names.

    Raises:
        ValueError: if the smaller sizes are too few for a fit.
    """
    held_out = own == own.max()
    truth = np.nanmean(scores[:, held_out], axis=0)
    errors = {}
    for name in forms:
        fit = fit_curve(FORMS[name], own[~held_out], other[~held_out], scores[:, ~held_out], resamples=2)
        errors[name] = float(np.mean(np.abs(fit.predict(own[held_out], other[held_out]) - truth)))
    return errors


def _weights(scores: Array) -> Array:
    """One over the standard error of each point's mean, drawn half-way to that of all: [points]."""
    folds = np.isfinite(scores).sum(axis=0)
    variance = np.nanvar(scores, axis=0, ddof=1)
    pooled = (variance + variance.mean()) / 2
    return np.sqrt(folds / np.maximum(pooled, 1e-8))


def _fit_mean(
    form: Form, own: Array, other: Array, mean: Array, weights: Array, bounds: tuple[Array, Array]
) -> Array:
    starts = form.starts(own, other, mean, weights)[:STARTS]
    found = [_descend(form, own, other, mean, weights, bounds, start) for start in starts]
    return min(found, key=lambda each: each[1])[0]


def _descend(
    form: Form,
    own: Array,
    other: Array,
    mean: Array,
    weights: Array,
    bounds: tuple[Array, Array],
    start: Array,
    most: int = MOST_STEPS,
) -> tuple[Array, float]:
    low, high = bounds
    inside = np.clip(start, low + 1e-9 * (high - low), high - 1e-9 * (high - low))
    result = least_squares(
        lambda p: weights * (form.value(p, own, other) - mean),
        inside,
        lambda p: weights[:, None] * form.jacobian(p, own, other),
        bounds=bounds,
        x_scale=np.maximum(high - low, 1e-12),
        max_nfev=most,
    )
    return result.x, float(result.cost)


def _resampled(
    form: Form,
    own: Array,
    other: Array,
    scores: Array,
    weights: Array,
    bounds: tuple[Array, Array],
    found: Array,
    resamples: int,
    seed: int,
) -> Array:
    """Covariance of the estimates over resampled folds: [p, p]."""
    generator = np.random.default_rng(seed)
    estimates = []
    for _ in range(resamples):
        drawn = scores[generator.integers(0, len(scores), len(scores))]
        known = np.isfinite(drawn).any(axis=0)
        mean = np.nanmean(drawn[:, known], axis=0)
        estimates.append(
            _descend(form, own[known], other[known], mean, weights[known], bounds, found, MOST_RESAMPLED)[0]
        )
    return np.cov(np.array(estimates).T, ddof=1)


def _parameters(
    form: Form,
    found: Array,
    covariance: Array,
    bounds: tuple[Array, Array],
    jacobian: Array,
    t: float,
) -> dict[str, Parameter]:
    told = _tells(jacobian, bounds)
    parameters = {}
    for number, name in enumerate(form.parameters):
        margin = t * float(np.sqrt(max(covariance[number, number], 0.0)))
        low, high = (float(side[number]) for side in bounds)
        value = float(found[number])
        interval = max(value - margin, low), min(value + margin, high)
        known = bool(told[number]) and interval != (low, high)
        parameters[name] = Parameter(value, *(interval if known else (low, high)), known)
    return parameters


def _tells(jacobian: Array, bounds: tuple[Array, Array]) -> NDArray[np.bool_]:
    """Whether a parameter moves the scores in a way that no others can: [p]."""
    scaled = jacobian * (bounds[1] - bounds[0])
    moved = []
    for number in range(scaled.shape[1]):
        others = np.delete(scaled, number, axis=1)
        explained = others @ np.linalg.lstsq(others, scaled[:, number], rcond=1e-10)[0]
        moved.append(float(np.abs(scaled[:, number] - explained).max()))
    return np.array(moved) > NEGLIGIBLE


def _t(level: float, folds: int) -> float:
    return float(stats.t.ppf((1 + level) / 2, folds - 1))
