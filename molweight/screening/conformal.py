"""Cross-conformal prediction from out-of-fold predictions: intervals for values, sets for classes.

What coverage 1 − α means here. Calibration and new molecules must be exchangeable, as after a random cut
into folds; where new molecules differ from those learnt from, by scaffold, assay or time, nothing is
guaranteed. Where they are exchangeable, using each molecule both to train and to calibrate gives about 1 − α
in practice, and proofs of less: for sets 1 − 2α, for intervals none (see each). It holds on average over
molecules and training sets, for each task by itself, and not for each molecule or region of chemistry.
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


@dataclass(frozen=True)
class CrossIntervals:
    """Intervals around the mean of the members, as wide as out-of-fold residuals ask for.

    R_i = |y_i − μ_k(i)(x_i)| are residuals of single members, and the mean of K members errs less than they
    do: of a molecule that none has seen, mean_k (y − μ_k)² = (y − μ̄)² + mean_k (μ_k − μ̄)² (the ambiguity
    decomposition of Krogh & Vedelsby, NIPS 1994). With D half the mean squared difference of two members,
    E(y − μ̄)² = E R² − (1 − 1/K) D, and the interval of x is

        μ̄(x) ± √(1 − (1 − 1/K) D / mean R²) · the ⌈(1 − α)(n + 1)⌉-th smallest of the n residuals.

    Without the root it would be the mean of split-conformal intervals of the members, each of which covers
    1 − α, and would cover more than that: on networks 0.925 for 0.9. CV+ (Barber et al., Ann. Statist. 2021),
    which has a proven worst case, spans what the members say and covers 0.95. This one has no such proof.

    Attributes:
        residuals: float64 [molecules, tasks], R_i; NaN where the label is missing.
        folds: int64 [molecules], the fold of each, and so the member that never saw it.
        disagreement: float64 [tasks], D; 0 where it is not known, and intervals are a little too wide.
    """

    residuals: NDArray[np.float64]
    folds: NDArray[np.int64]
    disagreement: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        out_of_fold: Values,
        labels: NDArray[np.float32],
        folds: NDArray[np.int64],
        second: Values | None = None,
    ) -> "CrossIntervals":
        """From predictions by members that did not learn from the molecule.

        Args:
            out_of_fold: by the member of its fold, [molecules, tasks].
            labels: [molecules, tasks], NaN where missing.
            folds: [molecules].
            second: by another member that did not learn from it, [molecules, tasks]; NaN where none did not.

        Raises:
            DataError: if the prediction of a labelled molecule is not finite.
        """
        check_finite(out_of_fold, labels)
        disagreement = np.zeros(labels.shape[1])
        if second is not None:
            squares = (second.astype(np.float64) - out_of_fold) ** 2 / 2
            known = np.isfinite(squares)
            disagreement = np.where(known, squares, 0).sum(0) / known.sum(0).clip(1)
        return cls(np.abs(labels.astype(np.float64) - out_of_fold), folds.astype(np.int64), disagreement)

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
        centre = member_predictions.astype(np.float64).mean(0)
        margin = np.array(
            [self._margin(task, len(member_predictions), coverage) for task in range(centre.shape[1])]
        )
        unknown = ~np.isfinite(member_predictions).all(axis=0)
        centre = np.where(unknown, 0.0, centre)
        margins = np.where(unknown, np.inf, margin)
        return centre - margins, centre + margins

    def _margin(self, task: int, members: int, coverage: float) -> float:
        residuals = np.sort(self.residuals[:, task][~np.isnan(self.residuals[:, task])])
        rank = _rank(coverage, len(residuals))
        if rank > len(residuals):
            return np.inf
        square = float(np.mean(residuals**2))
        saved = (1 - 1 / members) * min(1.0, self.disagreement[task] / square) if square else 0.0
        return float(residuals[rank - 1] * np.sqrt(1 - saved))

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
        disagreement = stored(arrays, "disagreement", np.float64, (residuals.shape[1],))
        finite = (disagreement >= 0) & np.isfinite(disagreement)
        refuse_unless(bool(finite.all()), "disagreement", "has negative or infinite values")
        return cls(residuals, _stored_folds(arrays, len(residuals)), disagreement)


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
