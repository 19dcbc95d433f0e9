"""s, the direction along which the objectives' gradients decide: the best responses of both lower levels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from molweight.solver.curvature import (
    Composed,
    Params,
    gauss_newton,
    hessian_vector_product,
    norm,
    scaled,
    value_and_gradient,
)
from molweight.solver.inverse import Inverse, MatVec, as_inverse
from molweight.solver.ranks import Average, alone

Loss = Callable[[Params], Tensor]
Curvature = Literal["hessian", "gauss_newton"]


@dataclass(frozen=True)
class BestResponse:
    """The direction s along which the objectives' gradients decide, and what it took to find it.

    Attributes:
        s: by name, as θ.
        valid_loss: L_valid(ω).
        products: Hessian-vector products of each level.
        residuals: relative residual of each level's solution; NaN where it is not known.
        statuses: how each level's solver ended; empty where it does not say.
    """

    s: Params
    valid_loss: Tensor
    products: dict[str, int]
    residuals: dict[str, float]
    statuses: dict[str, str]


@torch.no_grad()
def best_response(
    weighted_loss: Loss,
    finetune_loss: Loss | Composed,
    valid_loss: Loss,
    theta: Params,
    omega: Params,
    *,
    proximal: float,
    head: Params | None = None,
    damping: float = 0.0,
    level1: str | Inverse = "identity",
    level2: str | Inverse = "identity",
    curvature: Curvature = "hessian",
    average: Average = alone,
) -> BestResponse:
    """s, through both levels; ∂F/∂λ_k is then −⟨s, ∇ℓ_k⟩, from whatever gradients are at hand.

    Args:
        weighted_loss: θ to Σ_k λ_k ℓ_k, of which only the curvature matters.
        finetune_loss: as for `hypergradient`, and so those that follow.
        average: over ranks, of the validation loss, its gradient and every curvature product.

    Raises:
        ValueError: if the parameters of θ and ω differ, γ is not positive, or a name is unknown.
        FloatingPointError: if the validation loss, its gradient or a product is not finite.
    """
    check_pairing(theta, omega)
    if proximal <= 0:
        raise ValueError(f"proximal must be positive, got {proximal}: at 0 the levels are not connected")
    solve1, solve2 = as_inverse(level1), as_inverse(level2)
    fitted = omega | (head or {})
    value, valid_gradient = value_and_gradient(valid_loss, fitted)
    value = average({"loss": value})["loss"]
    check_finite(value, "the validation loss")
    valid_gradient = average(valid_gradient)
    check_finite(norm(valid_gradient), "the gradient of the validation loss")
    shift = {name: 2 * proximal if name in omega else 0.0 for name in fitted}
    pretrain_product = _Counted(
        _shifted(
            partial(hessian_vector_product, weighted_loss, theta), dict.fromkeys(theta, damping), average
        )
    )
    finetune_product = _Counted(_level2_product(finetune_loss, fitted, shift, curvature, average))
    u = solve2(finetune_product, valid_gradient)
    s = solve1(pretrain_product, scaled(2 * proximal, {name: u[name] for name in theta}))
    check_finite(norm(s), "the best response")
    return BestResponse(
        s=dict(s),  # of torch.func's own kind: it takes no subclass for a dict
        valid_loss=value,
        products={"level1": pretrain_product.calls, "level2": finetune_product.calls},
        residuals={"level1": getattr(s, "residual", math.nan), "level2": getattr(u, "residual", math.nan)},
        statuses={"level1": getattr(s, "status", ""), "level2": getattr(u, "status", "")},
    )


def check_pairing(theta: Params, omega: Params) -> None:
    """Refuse parameters that do not pair up by name and shape.

    Raises:
        ValueError: if some differ; the text names them.
    """
    differing = sorted(
        name
        for name in theta.keys() | omega.keys()
        if name not in theta or name not in omega or theta[name].shape != omega[name].shape
    )
    if differing:
        raise ValueError(
            f"theta and omega must have the same parameters; these differ: {', '.join(differing)}. "
            "Make omega a copy of the encoder that theta was taken from"
        )


def check_finite(value: Tensor, what: str) -> None:
    """Refuse a value that is not finite.

    Raises:
        FloatingPointError: with what it is.
    """
    if not bool(torch.isfinite(value).all()):
        raise FloatingPointError(f"{what} is not finite; lower the learning rates or check the data")


class _Counted:
    """A product that counts its calls."""

    def __init__(self, product: MatVec) -> None:
        self.product, self.calls = product, 0

    def __call__(self, vector: Params) -> Params:
        self.calls += 1
        return self.product(vector)


def _level2_product(
    finetune_loss: Loss | Composed,
    fitted: Params,
    shift: dict[str, float],
    curvature: Curvature,
    average: Average,
) -> MatVec:
    if curvature == "hessian":
        return _shifted(partial(hessian_vector_product, finetune_loss, fitted), shift, average)
    if curvature != "gauss_newton":
        raise ValueError(f"curvature must be 'hessian' or 'gauss_newton', got {curvature!r}")
    if not isinstance(finetune_loss, Composed):
        raise ValueError("Gauss-Newton curvature needs finetune_loss as Composed(outputs, loss)")
    return _shifted(gauss_newton(finetune_loss, fitted), shift, average)


def _shifted(product: MatVec, shift: dict[str, float], average: Average) -> MatVec:
    """v -> the average of product(v), + shift·v with a shift for each name."""

    def shifted(v: Params) -> Params:
        found = average(product(v))
        return {name: torch.add(found[name], v[name], alpha=shift[name]) for name in v}

    return shifted
