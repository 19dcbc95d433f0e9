"""Probabilities that mean what they say: Platt's scaling, and how far off probabilities are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.screening.out_of_fold import check_finite
from molweight.screening.stored import Arrays, refuse_unless, stored

FEWEST_LABELS = 20  # of a task: below, two parameters would follow chance


@dataclass(frozen=True)
class PlattScaling:
    """The probability of class 1 as σ(slope · logit + offset), for each task (Platt 1999).

    Attributes:
        slope: float64 [tasks], never negative, so that no two molecules change their order.
        offset: float64 [tasks].
        fitted: bool [tasks]; the others, with fewer than 20 labels or one class, keep slope 1 and offset 0.
    """

    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    fitted: NDArray[np.bool_]

    @classmethod
    def fit(cls, logits: NDArray[np.float32], labels: NDArray[np.float32]) -> "PlattScaling":
        """Minimise the log loss of out-of-fold logits, with Platt's targets.

        Those are (n₁ + 1)/(n₁ + 2) for class 1 and 1/(n₀ + 2) for class 0, so that the slope stays finite
        where the classes are apart. What is fitted to the logits of single members is good for an
        ensemble's mean logit as far as the two are spread alike.

        Args:
            logits: of the member that did not see the molecule, [molecules, tasks].
            labels: [molecules, tasks], 0, 1, or NaN where missing.

        Raises:
            DataError: if the logit of a labelled molecule is not finite.
        """
        check_finite(logits, labels)
        slope, offset = np.ones(labels.shape[1]), np.zeros(labels.shape[1])
        fitted = np.zeros(labels.shape[1], np.bool_)
        for task, column in enumerate(labels.T):
            present = ~np.isnan(column)
            if present.sum() >= FEWEST_LABELS and len(np.unique(column[present])) == 2:
                truth = column[present] == 1
                slope[task], offset[task] = _fit_task(logits[present, task].astype(np.float64), truth)
                fitted[task] = True
        return cls(slope, offset, fitted)

    def apply(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities of class 1, float64 [molecules, tasks]."""
        from scipy.special import expit

        return expit(logits.astype(np.float64) * self.slope + self.offset)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "PlattScaling":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of a scaling.
        """
        slope = stored(arrays, "slope", np.float64, (None,))
        offset = stored(arrays, "offset", np.float64, slope.shape)
        refuse_unless(bool((np.isfinite(slope) & (slope >= 0)).all()), "slope", "is negative or not finite")
        refuse_unless(bool(np.isfinite(offset).all()), "offset", "is not finite")
        return cls(slope, offset, stored(arrays, "fitted", np.bool_, slope.shape))


@dataclass(frozen=True)
class Reliability:
    """Probabilities beside what came true, in bins of equal width.

    Attributes:
        predicted: float64 [tasks, bins], mean probability; NaN in an empty bin.
        observed: float64 [tasks, bins], share of class 1; NaN in an empty bin.
        molecules: int64 [tasks, bins].
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    molecules: NDArray[np.int64]

    def expected_error(self) -> NDArray[np.float64]:
        """Expected calibration error, Σ_b n_b/n |observed_b − predicted_b| (Naeini et al., AAAI 2015).

        Returns:
            float64 [tasks], NaN without labels.
        """
        gaps = np.nan_to_num(np.abs(self.observed - self.predicted))
        total = self.molecules.sum(axis=1)
        error = (gaps * self.molecules).sum(axis=1) / np.maximum(total, 1)
        return np.where(total > 0, error, np.nan)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Reliability":
        """Back from a file.

        Raises:
            CheckpointError: if an array is missing or of another type or shape.
        """
        predicted = stored(arrays, "predicted", np.float64, (None, None))
        observed = stored(arrays, "observed", np.float64, predicted.shape)
        return cls(predicted, observed, stored(arrays, "molecules", np.int64, predicted.shape))


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.float32], bins: int = 10
) -> Reliability:
    """Sort labelled molecules into bins by their probability.

    Args:
        probabilities: of class 1, [molecules, tasks].
        labels: [molecules, tasks], 0, 1, or NaN where missing.
        bins: of equal width between 0 and 1.
    """
    shape = (labels.shape[1], bins)
    predicted, observed, molecules = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
    for task, column in enumerate(labels.T):
        present = ~np.isnan(column)
        found = probabilities[present, task].astype(np.float64)
        places = np.minimum((found * bins).astype(np.int64), bins - 1)  # 1 belongs to the last
        molecules[task] = np.bincount(places, minlength=bins)
        predicted[task] = np.bincount(places, found, bins)
        observed[task] = np.bincount(places, column[present], bins)
    counts = np.where(molecules > 0, molecules, np.nan)
    return Reliability(predicted / counts, observed / counts, molecules)


def _fit_task(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset: a convex problem, solved on standardised logits."""
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit, logit

    ones = int(truth.sum())
    targets = np.where(truth, (ones + 1) / (ones + 2), 1 / (len(truth) - ones + 2))
    middle, spread = logits.mean(), logits.std() or 1.0
    design = np.stack([(logits - middle) / spread, np.ones(len(logits))], axis=1)

    def loss(weights: NDArray[np.float64]) -> float:
        margins = design @ weights
        return -float(np.mean(targets * log_expit(margins) + (1 - targets) * log_expit(-margins)))

    def gradient(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return design.T @ (expit(design @ weights) - targets) / len(targets)

    def hessian(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = expit(design @ weights)
        return (design * (shares * (1 - shares))[:, None]).T @ design / len(targets)

    start = np.array([0.0, logit(targets.mean())])  # the best without a slope
    if -gradient(start)[0] <= 0:  # logits that rank the wrong way, or not at all
        return 0.0, float(start[1])
    best = minimize(loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-10}).x
    return float(best[0] / spread), float(best[1] - best[0] * middle / spread)
