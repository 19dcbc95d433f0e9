"""Probabilities and sets of any number of classes, calibrated on out-of-fold outputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.errors import ConfigError
from molweight.screening.out_of_fold import check_finite
from molweight.screening.stored import Arrays, refuse_unless, stored

COLDEST, HOTTEST = 0.01, 100.0  # temperatures that are looked at
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Temperature:
    """Probabilities softmax(logits / T) (Guo et al., ICML 2017); the order of the classes stays.

    Attributes:
        value: T, float64 [1].
    """

    value: Values

    @classmethod
    def fit(cls, logits: NDArray[np.float32], labels: NDArray[np.float32]) -> "Temperature":
        """The T between 0.01 and 100 with the least log loss, a problem with one minimum in 1/T.

        Args:
            logits: of the member that did not see the text, [texts, classes].
            labels: number of the class, [texts].

        Raises:
            DataError: if a logit is not finite.
        """
        from scipy.optimize import minimize_scalar

        check_finite(logits, np.broadcast_to(labels[:, None], logits.shape))
        found, right = logits.astype(np.float64), labels.astype(np.int64)[:, None]

        def loss(log_inverse: float) -> float:
            scaled = found * np.exp(log_inverse)
            chosen = np.take_along_axis(scaled, right, axis=1)[:, 0]
            return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - chosen))

        bounds = (-np.log(HOTTEST), -np.log(COLDEST))
        best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
        return cls(np.array([np.exp(-best.x)]))

    def apply(self, logits: NDArray[np.float32]) -> Values:
        """Probabilities, float64, of the same shape; classes stand last."""
        scaled = logits.astype(np.float64) / self.value
        return np.exp(scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Temperature":
        """Back from a file.

        Raises:
            CheckpointError: if it is no temperature.
        """
        value = stored(arrays, "value", np.float64, (1,))
        refuse_unless(bool(np.isfinite(value).all() and (value > 0).all()), "value", "is no temperature")
        return cls(value)


@dataclass(frozen=True)
class CrossClassSets:
    """Label-conditional cross-conformal prediction, as `CrossSets`, of any number of classes.

    The p-value of class y for x compares x with the n_y texts of class y alone, so that rare classes are
    covered like common ones: (1 + #{i: y_i = y, q_k(i)(x_i) ≤ q_k(i)(x)}) / (n_y + 1), where q_k is the
    probability that member k gives to class y (Vovk, Ann. Math. Artif. Intell. 2015, 74, 9). A set of the
    classes with p > α errs on about α of a class's texts in practice; 2α, up to a term that vanishes with
    n_y, is what is proven. A set may have no class: then all are unlikely.

    Attributes:
        out_of_fold: float64 [texts], the probability of its own class that each text got from the member
            that never saw it.
        labels: int64 [texts], numbers of classes.
        folds: int64 [texts], the fold of each, and so the member that never saw it.
    """

    out_of_fold: Values
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]

    @classmethod
    def fit(
        cls, probabilities: Values, labels: NDArray[np.float32], folds: NDArray[np.int64]
    ) -> "CrossClassSets":
        """From the probabilities that each text got from the member that did not see it.

        Args:
            probabilities: [texts, classes].
            labels: [texts].
            folds: [texts].

        Raises:
            DataError: if a probability is not finite.
        """
        numbers = labels.astype(np.int64)
        own = np.take_along_axis(probabilities, numbers[:, None], axis=1)
        check_finite(own, labels[:, None])
        return cls(own[:, 0].astype(np.float64), numbers, folds.astype(np.int64))

    def p_values(self, members: Values) -> Values:
        """How well each class fits: [texts, classes].

        Args:
            members: probabilities, [members, texts, classes].
        """
        count = int(self.folds.max()) + 1
        if members.ndim != 3 or len(members) != count:
            raise ValueError(f"probabilities must be [{count}, texts, classes], got {list(members.shape)}")
        found = np.ones(members.shape[1:])
        for label in range(members.shape[2]):
            mine = self.labels == label
            for member, asked in enumerate(members[:, :, label]):
                known = np.sort(self.out_of_fold[mine & (self.folds == member)])
                found[:, label] += np.searchsorted(known, asked, side="right")
            found[:, label] /= 1 + mine.sum()
        return found

    def sets(self, members: Values, coverage: float) -> NDArray[np.bool_]:
        """Which classes are in the set, bool [texts, classes].

        A class with fewer than 1/α − 1 texts is in every set.

        Args:
            members: probabilities, [members, texts, classes].
            coverage: 1 − α, of each class.

        Raises:
            ConfigError: if the coverage is not from 0.5 to below 1.
        """
        if not 0.5 <= coverage < 1:
            raise ConfigError(f"coverage must be from 0.5 to below 1, got {coverage}; try 0.9")
        return self.p_values(members) > round(1 - coverage, 12)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "CrossClassSets":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of such sets.
        """
        own = stored(arrays, "out_of_fold", np.float64, (None,))
        labels = stored(arrays, "labels", np.int64, own.shape)
        folds = stored(arrays, "folds", np.int64, own.shape)
        refuse_unless(bool(np.isfinite(own).all()), "out_of_fold", "is not finite")
        refuse_unless(bool((labels >= 0).all()), "labels", "has negative numbers")
        refuse_unless(bool(len(folds) and (folds >= 0).all()), "folds", "is empty or has negative numbers")
        return cls(own, labels, folds)
