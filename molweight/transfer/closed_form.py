"""Two tasks learned together in closed form: kernel ridge regression with a correlation between the tasks.

Task i and a task that may help it share the kernel k(x, x') B, B = [[1, ρ], [ρ, 1]] (the intrinsic model of
coregionalisation; Bonilla, Chai & Williams, NeurIPS 2007). With the helper's part eliminated, the samples of
task i see the matrix

    S = K_ii + λ I - ρ² K_ij (K_jj + λ I)⁻¹ K_ji,

whose inverse is the block of task i in the inverse of the joint matrix. So with
α = S⁻¹ (y_i - ρ K_ij (K_jj + λ I)⁻¹ y_j), the error of leaving out any one of its samples, with all of the
helper's kept, is exactly α / diag(S⁻¹).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]

RIDGES = (0.1, 0.5, 2.5, 12.0)
CORRELATIONS = (0.0, 0.3, 0.6, 0.9)  # and their negatives


@dataclass(frozen=True)
class Helper:
    """Samples of a task that may help, prepared once for all tasks that they may help.

    Attributes:
        vectors: float64 [samples, samples], eigenvectors of their kernel.
        values: float64 [samples], eigenvalues.
        rotated: float64 [samples], standardised labels in these.
    """

    vectors: Array
    values: Array
    rotated: Array

    @classmethod
    def of(cls, kernel: Array, labels: Array) -> "Helper":
        """From the kernel of the samples [samples, samples] and standardised labels [samples]."""
        values, vectors = np.linalg.eigh(kernel)
        return cls(vectors, np.maximum(values, 0.0), vectors.T @ labels)


@dataclass(frozen=True)
class Help:
    """A helper, and its likeness to the molecules at hand.

    Attributes:
        helper: its samples.
        own: float64 [samples, own], its kernel with the samples of the task that is helped.
        test: float64 [samples, test], likewise with the molecules to predict.
    """

    helper: Helper
    own: Array
    test: Array


@dataclass(frozen=True)
class Predicted:
    """Predictions [test] in units of the labels, and the ridge and the correlation that were chosen."""

    values: Array
    ridge: float
    correlation: float


def learn(kernel: Array, test: Array, labels: Array, help: Help | None = None) -> Predicted:
    """Learn a task, with or without a helper.

    Ridge and correlation are those of the smallest leave-one-out error on the task's own samples; of equal
    ones, the weakest correlation. Without a helper, and with correlation 0, this is kernel ridge regression.

    Args:
        kernel: of the task's own samples, [own, own].
        test: of molecules to predict with these, [test, own].
        labels: of the samples, [own].
        help: of another task.
    """
    mean, spread = labels.mean(), labels.std() or 1.0
    y = (labels - mean) / spread
    projected = np.zeros((0, len(y))) if help is None else help.helper.vectors.T @ help.own  # [samples, own]
    _, ridge, correlation = min(
        (found for ridge in RIDGES for found in _errors(kernel, y, projected, help, ridge)),
        key=lambda found: (found[0], abs(found[2])),
    )
    return Predicted(
        mean + spread * _predict(kernel, test, y, projected, help, ridge, correlation), ridge, correlation
    )


def standardised(labels: Array) -> Array:
    """Labels [samples] at zero mean and unit variance."""
    return (labels - labels.mean()) / (labels.std() or 1.0)


def _errors(
    kernel: Array, y: Array, projected: Array, help: Help | None, ridge: float
) -> list[tuple[float, float, float]]:
    """Mean squared leave-one-out error, ridge and correlation, for each correlation."""
    plain = kernel + ridge * np.eye(len(y))
    if help is None:
        return [(_left_out(_inverse(plain), y), ridge, 0.0)]
    scaled = projected / (help.helper.values + ridge)[:, None]
    explained, told = projected.T @ scaled, scaled.T @ help.helper.rotated  # [own, own], [own]
    found = []
    for size in CORRELATIONS:
        inverse = _inverse(plain - size**2 * explained)
        for rho in (size, -size):
            found.append((_left_out(inverse, y - rho * told), ridge, rho))
    return found


def _inverse(matrix: Array) -> Array:
    """Of a symmetric positive definite one, in half the time of a general one."""
    factor, _ = lapack.dpotrf(matrix, lower=True, overwrite_a=True)
    inverse, failed = lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise FloatingPointError(
            "a kernel matrix is singular; there are values among the features that are not finite"
        )
    lower = np.tril(inverse)
    return lower + np.tril(lower, -1).T


def _left_out(inverse: Array, y: Array) -> float:
    return float(np.mean((inverse @ y / np.diag(inverse)) ** 2))


def _predict(
    kernel: Array,
    test: Array,
    y: Array,
    projected: Array,
    help: Help | None,
    ridge: float,
    rho: float,
) -> Array:
    plain = kernel + ridge * np.eye(len(y))
    if help is None or rho == 0:
        return test @ np.linalg.solve(plain, y)
    inverse = 1 / (help.helper.values + ridge)
    asked = (help.helper.vectors.T @ help.test) * inverse[:, None]  # [samples, test]
    explained = projected.T @ (projected * inverse[:, None])
    told = projected.T @ (inverse * help.helper.rotated)
    alpha = np.linalg.solve(plain - rho**2 * explained, y - rho * told)
    return rho * asked.T @ help.helper.rotated + (test - rho**2 * asked.T @ projected) @ alpha
