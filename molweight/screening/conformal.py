"""Cross-conformal prediction from out-of-fold predictions: intervals for values, sets for classes.

What coverage 1 − α means here. Calibration and new molecules must be exchangeable, as after a random cut
into folds; where new molecules differ from those learnt from, by scaffold, assay or time, nothing is
guaranteed. Where they are exchangeable, a method that uses each molecule both to train and to calibrate has
1 − 2α, less a term that vanishes with the number of molecules, as its proven worst case, and about 1 − α in
practice. It holds on average over molecules and training sets, for each task by itself, and not for each
molecule or each region of chemistry.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.errors import ConfigError
from molweight.screening.out_of_fold import check_finite
from molweight.screening.stored import Arrays, refuse_unless, stored

Values = NDArray[np.float32] | NDArray[np.float64]
_AT_A_TIME = 1 << 21  # calibration × query molecules, 16 MB of float64


@dataclass(frozen=True)
class CrossIntervals:
    """CV+ intervals (Barber, Candès, Ramdas & Tibshirani, Ann. Statist. 2021, 49, 486).

    With R_i = |y_i − μ_k(i)(x_i)| and n labels, the interval of x runs from the ⌊α(n + 1)⌋-th smallest of
    μ_k(i)(x) − R_i to the ⌈(1 − α)(n + 1)⌉-th smallest of μ_k(i)(x) + R_i. Its coverage is at least
    1 − 2α − √(2/n) by their theorem 4, for folds of equal size, and about 1 − α in practice.

    Attributes:
        residuals: float64 [molecules, tasks], R_i; NaN where the label is missing.
        folds: int64 [molecules], the fold of each, and so the member that never saw it.
    """

    residuals: NDArray[np.float64]
    folds: NDArray[np.int64]

    @classmethod
    def fit(
        cls, out_of_fold: Values, labels: NDArray[np.float32], folds: NDArray[np.int64]
    ) -> "CrossIntervals":
        """From predictions by the member that did not see the molecule.

        Args:
            out_of_fold: [molecules, tasks].
            labels: [molecules, tasks], NaN where missing.
            folds: [molecules].

        Raises:
            DataError: if the prediction of a labelled molecule is not finite.
        """
        check_finite(out_of_fold, labels)
        return cls(np.abs(labels.astype(np.float64) - out_of_fold), folds.astype(np.int64))

    def intervals(
        self, member_predictions: Values, coverage: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends, both float64 [molecules, tasks].

        They are −∞ and ∞ for a task with fewer labels than the coverage needs, ⌈(1 − α)(n + 1)⌉ > n, and
        for a molecule that a member has no finite prediction of.

        Args:
            member_predictions: [members, molecules, tasks].
            coverage: 1 − α.

        Raises:
            ConfigError: if the coverage is not from 0.5 to below 1.
        """
        _check_shape(member_predictions, self.folds, self.residuals.shape[1])
        predicted = member_predictions.astype(np.float64)
        upper = np.full(predicted.shape[1:], np.inf)
        lower = -upper
        for task, residuals in enumerate(self.residuals.T):
            present = ~np.isnan(residuals)
            labels = int(present.sum())
            outside = labels + 1 - _rank(coverage, labels)  # ends from the rank-th to the last
            if outside > 0:
                margins, folds = _largest(residuals[present], self.folds[present], outside)
                centres = predicted[:, :, task]
                upper[:, task] = _nth_largest(centres, margins, folds, outside)
                lower[:, task] = -_nth_largest(-centres, margins, folds, outside)
        unknown = ~np.isfinite(predicted).all(axis=0)
        lower[unknown], upper[unknown] = -np.inf, np.inf
        return lower, upper

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "CrossIntervals":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of such intervals.
        """
        residuals = stored(arrays, "residuals", np.float64, (None, None))
        sound = np.isnan(residuals) | ((residuals >= 0) & np.isfinite(residuals))
        refuse_unless(bool(sound.all()), "residuals", "has negative or infinite values")
        return cls(residuals, _stored_folds(arrays, len(residuals)))


@dataclass(frozen=True)
class CrossSets:
    """Label-conditional cross-conformal prediction (Vovk, Ann. Math. Artif. Intell. 2015, 74, 9).

    The p-value of class y for x compares x with the n_y molecules of class y alone, so that the rarer class
    is covered like the other: (1 + #{i: y_i = y, q_k(i)(x_i) ≤ q_k(i)(x)}) / (n_y + 1), where q_k is the
    probability that member k gives to class y. A set of the classes with p > α errs on at most 2α of a
    class's molecules, up to a term that vanishes with n_y (Barber et al. 2021), and on about α in
    practice. A set may have no class: then both are unlikely, as for a molecule unlike all others.

    Attributes:
        out_of_fold: float64 [molecules, tasks], probabilities of class 1.
        labels: float32 [molecules, tasks], 0, 1, or NaN where missing.
        folds: int64 [molecules], the fold of each, and so the member that never saw it.
    """

    out_of_fold: NDArray[np.float64]
    labels: NDArray[np.float32]
    folds: NDArray[np.int64]

    @classmethod
    def fit(cls, out_of_fold: Values, labels: NDArray[np.float32], folds: NDArray[np.int64]) -> "CrossSets":
        """From probabilities, or anything that ranks alike in all members, by the member that saw it not.

        Args:
            out_of_fold: [molecules, tasks].
            labels: [molecules, tasks], 0, 1, or NaN where missing.
            folds: [molecules].

        Raises:
            DataError: if the prediction of a labelled molecule is not finite.
        """
        check_finite(out_of_fold, labels)
        return cls(out_of_fold.astype(np.float64), labels.astype(np.float32), folds.astype(np.int64))

    def p_values(self, member_probabilities: Values) -> NDArray[np.float64]:
        """How well each class fits, float64 [molecules, tasks, 2]; 1 where there is nothing to compare with.

        Args:
            member_probabilities: of class 1, [members, molecules, tasks].
        """
        _check_shape(member_probabilities, self.folds, self.labels.shape[1])
        members, molecules, tasks = member_probabilities.shape
        p_values = np.ones((molecules, tasks, 2))
        for task in range(tasks):
            for label, sign in enumerate((-1.0, 1.0)):  # the less probable class 1, the more so is class 0
                mine = self.labels[:, task] == label
                not_above = np.zeros(molecules, np.int64)
                for member in range(members):
                    known = np.sort(sign * self.out_of_fold[mine & (self.folds == member), task])
                    asked = sign * member_probabilities[member, :, task].astype(np.float64)
                    not_above += np.searchsorted(known, asked, side="right")
                p_values[:, task, label] = (1 + not_above) / (1 + mine.sum())
        p_values[~np.isfinite(member_probabilities).all(axis=0)] = 1.0
        return p_values

    def sets(self, member_probabilities: Values, coverage: float) -> NDArray[np.bool_]:
        """Which classes are in the set, bool [molecules, tasks, 2].

        A class with fewer than 1/α − 1 labels is in every set.

        Args:
            member_probabilities: of class 1, [members, molecules, tasks].
            coverage: 1 − α, of each class.

        Raises:
            ConfigError: if the coverage is not from 0.5 to below 1.
        """
        error = float(1 - _exact(coverage))
        return self.p_values(member_probabilities) > error

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "CrossSets":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of such sets.
        """
        labels = stored(arrays, "labels", np.float32, (None, None))
        out_of_fold = stored(arrays, "out_of_fold", np.float64, labels.shape)
        missing = np.isnan(labels)
        refuse_unless(
            bool((missing | (labels == 0) | (labels == 1)).all()), "labels", "has others than 0 and 1"
        )
        refuse_unless(bool((missing | np.isfinite(out_of_fold)).all()), "out_of_fold", "is not finite")
        return cls(out_of_fold, labels, _stored_folds(arrays, len(labels)))


def _largest(
    margins: NDArray[np.float64], folds: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The `count` largest of each fold, with their folds: no other can make the count-th largest end."""
    order = np.lexsort((-margins, folds))
    margins, folds = margins[order], folds[order]
    kept = np.arange(len(folds)) - np.searchsorted(folds, folds) < count
    return margins[kept], folds[kept]


def _nth_largest(
    centres: NDArray[np.float64], margins: NDArray[np.float64], folds: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """The `count`-th largest over i of centres[folds[i]] + margins[i]: [molecules].

    Args:
        centres: [members, molecules].
        margins: [calibration molecules].
        folds: [calibration molecules].
        count: from 1.
    """
    found = np.empty(centres.shape[1])
    step = max(1, _AT_A_TIME // len(margins))
    place = len(margins) - count
    for start in range(0, len(found), step):
        ends = centres[:, start : start + step].T[:, folds] + margins  # [queries, calibration]
        ends.partition(place, axis=1)
        found[start : start + step] = ends[:, place]
    return found


def _rank(coverage: float, labels: int) -> int:
    return ceil(_exact(coverage) * (labels + 1))


def _exact(coverage: float) -> Fraction:
    """The decimal number that was meant: 0.9 and not the float below it, lest a rank be one off."""
    if not 0.5 <= coverage < 1:
        raise ConfigError(f"coverage must be from 0.5 to below 1, got {coverage}; try 0.9")
    return Fraction(str(float(coverage)))


def _check_shape(predictions: Values, folds: NDArray[np.int64], tasks: int) -> None:
    members = int(folds.max(initial=0)) + 1
    if predictions.ndim != 3 or len(predictions) != members or predictions.shape[2] != tasks:
        raise ValueError(
            f"member predictions must be [{members}, molecules, {tasks}], got {list(predictions.shape)}"
        )


def _stored_folds(arrays: Arrays, molecules: int) -> NDArray[np.int64]:
    folds = stored(arrays, "folds", np.int64, (molecules,))
    refuse_unless(bool((folds >= 0).all()), "folds", "has negative numbers")
    return folds
