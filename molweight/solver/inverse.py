"""Best responses: approximate solutions of H·x = b, given only products with a symmetric H."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from molweight.solver.curvature import Params, axpy, dot, scaled

MatVec = Callable[[Params], Params]
Inverse = Callable[[MatVec, Params], Params]

CONVERGED, STEP_LIMIT = "converged", "step limit"
NEGATIVE_CURVATURE, DIVERGED = "negative curvature", "diverged"

_GROWTH = 1 + 1e-5  # of a squared residual; less is rounding


class Solution(dict[str, Tensor]):
    """x by name, which also says how well it solves H·x = b.

    Attributes:
        residual: ‖b − H·x‖ / ‖b‖ with the solver's damping in H; NaN where it is not known.
        status: converged, step limit, negative curvature or diverged; empty where it is not known.
    """

    def __init__(self, x: Mapping[str, Tensor], residual: float = math.nan, status: str = "") -> None:
        super().__init__(x)
        self.residual, self.status = residual, status


def identity(matvec: MatVec, b: Params) -> Params:
    """x = b: the curvature is taken for the identity, as when one gradient step is unrolled."""
    return b


@dataclass(frozen=True)
class neumann:  # noqa: N801  # called as a function; a class for its settings to show and compare
    """The first terms of the Neumann series, scale · Σ_{j < steps} (I − scale·H)ʲ b (Lorraine et al., 2020).

    With every term the residual falls by max |1 − scale·λ| over the eigenvalues λ of H, so `scale` must be
    below 2 / λ_max, and H positive definite. Its norm is log-convex in the number of terms: once it grows
    it grows for ever, so the sum up to there is returned, and the status says that the series diverged.

    Args:
        steps: terms, each of which costs one product.
        scale: of H.

    Raises:
        ValueError: if `steps` or `scale` is not positive.

    >>> halves = neumann(steps=60, scale=0.5)
    >>> halves(lambda v: {"x": 2 * v["x"]}, {"x": torch.tensor([1.0])})["x"]
    tensor([0.5000])
    """

    steps: int = 20
    scale: float = 0.1

    def __post_init__(self) -> None:
        _require(self.steps >= 1, f"steps must be at least 1, got {self.steps}")
        _require(self.scale > 0, f"scale must be positive, got {self.scale}")

    def __call__(self, matvec: MatVec, b: Params) -> Solution:
        """x."""
        start = before = _square(b, 0)
        x, r = scaled(0.0, b), b
        if start == 0:
            return Solution(x, 0.0, CONVERGED)
        for step in range(1, self.steps + 1):
            further, left = axpy(self.scale, r, x), axpy(-self.scale, matvec(r), r)
            square = _square(left, step)
            if square > before * _GROWTH:
                return Solution(x, math.sqrt(before / start), DIVERGED)
            x, r, before = further, left, square
        return Solution(x, math.sqrt(before / start), STEP_LIMIT)


@dataclass(frozen=True)
class conjugate_gradient:  # noqa: N801
    """Conjugate gradients (Hestenes & Stiefel, 1952) on (H + damping·I) x = b.

    H must be positive definite. Where a direction of negative curvature turns up, there is no minimum to
    go to: what was reached before it is returned (b itself, if it was the first), as in Steihaug's method,
    and the status says so.

    Args:
        steps: at most this many products.
        damping: added to the diagonal of H.
        tolerance: relative residual at which to stop; never less than the rounding of the dtype, below
            which the recurrence would only flatter itself.

    Raises:
        ValueError: if `steps` is not positive, or `damping` or `tolerance` negative.

    >>> solve = conjugate_gradient(steps=2)
    >>> solve(lambda v: {"x": torch.tensor([1.0, 4.0]) * v["x"]}, {"x": torch.tensor([1.0, 1.0])})["x"]
    tensor([1.0000, 0.2500])
    """

    steps: int = 100
    damping: float = 0.0
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        _require(self.steps >= 1, f"steps must be at least 1, got {self.steps}")
        _require(self.damping >= 0, f"damping must not be negative, got {self.damping}")
        _require(self.tolerance >= 0, f"tolerance must not be negative, got {self.tolerance}")

    def __call__(self, matvec: MatVec, b: Params) -> Solution:
        """x."""
        x, r, p = scaled(0.0, b), b, b
        start = square = _square(b, 0)
        if start == 0:
            return Solution(x, 0.0, CONVERGED)
        rounding = max(torch.finfo(value.dtype).eps for value in b.values())
        enough = max(self.tolerance, rounding) ** 2 * start
        for step in range(1, self.steps + 1):
            product = axpy(self.damping, p, matvec(p))
            curvature = _finite(float(dot(p, product)), step)
            if curvature <= 0:
                x, r = (b, axpy(-1.0, product, b)) if step == 1 else (x, r)
                return Solution(x, math.sqrt(_square(r, step) / start), NEGATIVE_CURVATURE)
            length = square / curvature
            x, r = axpy(length, p, x), axpy(-length, product, r)
            before, square = square, _square(r, step)
            if square <= enough:
                return Solution(x, math.sqrt(square / start), CONVERGED)
            p = axpy(square / before, p, r)
        return Solution(x, math.sqrt(square / start), STEP_LIMIT)


def _square(r: Params, step: int) -> float:
    return _finite(float(dot(r, r)), step)


def _finite(value: float, step: int) -> float:
    if not math.isfinite(value):
        what = "the right-hand side" if step == 0 else f"product {step} with the Hessian"
        raise FloatingPointError(f"{what} of a best response is not finite; lower the learning rates")
    return value


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


INVERSES: dict[str, Inverse] = {
    "identity": identity,
    "neumann": neumann(),
    "conjugate_gradient": conjugate_gradient(),
}


def as_inverse(inverse: str | Inverse) -> Inverse:
    """A best response by name, with its default settings, or as a function.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(inverse, str):
        return inverse
    if inverse not in INVERSES:
        raise ValueError(f"best response must be a function or one of {sorted(INVERSES)}, got {inverse!r}")
    return INVERSES[inverse]
