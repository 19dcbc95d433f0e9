"""The gradient of the validation loss with respect to the objective weights, through both lower levels.

With θ the pretrained parameters, ω the fine-tuned ones held near θ by γ‖ω − θ‖², and weights
λ = softmax(w) on K pretraining losses ℓ_k (Zhang et al., TMLR 2025, with every cross term exact):

    v = ∇_ω L_valid(ω)
    u = (∇² L_train(ω) + 2γ I)⁻¹ v         level II best response
    r = 2γ u                               the proximal term's cross derivative is −2γ I
    s = (Σ_k λ_k ∇² ℓ_k(θ) + μ I)⁻¹ r      level I best response, damped by μ
    ∂F/∂λ_k = −⟨s, ∇ℓ_k(θ)⟩
    ∂F/∂w = J_softmaxᵀ ∂F/∂λ

λ enters level I linearly, so the K products ⟨s, ∇ℓ_k⟩ are one forward-mode derivative of the vector of
losses along s, without a backward pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.func import jvp, vjp

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
from molweight.solver.weights import find_parametrisation, pullback

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


@dataclass(frozen=True)
class Hypergradient:
    """What one hypergradient found.

    Attributes:
        gradient: ∂F/∂w, shape of the logits.
        per_objective: ∂F/∂λ_k, [objectives]; negative where more of an objective lowers the validation loss.
        cosines: of the best response s and each ∇ℓ_k, [objectives]; positive where an objective helps.
        valid_loss: L_valid(ω).
        products: Hessian-vector products that each level's best response took.
        residuals: relative residual of each level's solution; NaN where it is not known.
        statuses: how each level's solver ended: "negative curvature" and "diverged" mean that its solution
            is a stopgap; empty where it does not say.
    """

    gradient: Tensor
    per_objective: Tensor
    cosines: Tensor
    valid_loss: Tensor
    products: dict[str, int]
    residuals: dict[str, float]
    statuses: dict[str, str]


@torch.no_grad()  # torch.func differentiates all the same, and heads that need gradients leave no graph
def hypergradient(
    pretrain_losses: Loss,
    finetune_loss: Loss | Composed,
    valid_loss: Loss,
    theta: Params,
    omega: Params,
    logits: Tensor,
    *,
    proximal: float,
    head: Params | None = None,
    damping: float = 0.0,
    level1: str | Inverse = "identity",
    level2: str | Inverse = "identity",
    curvature: Curvature = "hessian",
    parametrisation: str = "softmax",
) -> Hypergradient:
    """The hypergradient of the validation loss with respect to the logits w of the objective weights.

    The losses are pure functions: called twice with the same parameters they must give the same value
    (randomness frozen) and change nothing outside (see `frozen_statistics`).

    Args:
        pretrain_losses: θ to the vector of K losses.
        finetune_loss: ω to L_train, without the proximal term.
        valid_loss: ω to L_valid.
        theta: parameters of the pretrained encoder.
        omega: parameters of its fine-tuned copy, same names and shapes.
        logits: w, [objectives], or as the parametrisation wants them.
        proximal: γ > 0.
        head: what level II fits besides ω, free of the proximal term; the losses of level II are then
            called with ω and these together.
        damping: μ of level I.
        level1: best response of the pretrain problem, a name or a function `(matvec, b) -> x`.
        level2: best response of the finetune problem.
        curvature: of level II. The Hessian of a ReLU network is often indefinite, where conjugate gradients
            stop short; Gauss-Newton's matrix never is, but wants `finetune_loss` as a `Composed`.
        parametrisation: of the weights, "softmax" or "strength".

    Raises:
        ValueError: if the parameters of θ and ω differ in names or shapes, if the losses are not one for
            each weight, if γ is not positive, if a name is unknown, if no path leads from θ to an objective.
        FloatingPointError: if a loss, a gradient or a product is not finite; the text names it.
    """
    if not len(logits):
        raise ValueError("logits is empty; give at least one objective")
    weights = find_parametrisation(parametrisation).weights(logits.detach())

    def losses(params: Params) -> Tensor:
        return _one_each(pretrain_losses(params), weights)

    found = best_response(
        lambda p: (weights * losses(p)).sum(),
        finetune_loss,
        valid_loss,
        theta,
        omega,
        proximal=proximal,
        head=head,
        damping=damping,
        level1=level1,
        level2=level2,
        curvature=curvature,
    )
    norms = gradient_norms(losses, theta)
    along: Tensor = jvp(losses, (theta,), (found.s,))[1]
    per_objective = -along.to(logits.dtype)
    return Hypergradient(
        gradient=pullback(parametrisation, logits.detach(), per_objective),
        per_objective=per_objective,
        cosines=-per_objective / (norm(found.s) * norms).clamp(min=torch.finfo(norms.dtype).tiny),
        valid_loss=found.valid_loss,
        products=found.products,
        residuals=found.residuals,
        statuses=found.statuses,
    )


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
    _check_finite(value, "the validation loss")
    valid_gradient = average(valid_gradient)
    _check_finite(norm(valid_gradient), "the gradient of the validation loss")
    shift = {name: 2 * proximal if name in omega else 0.0 for name in fitted}
    pretrain_product = _Counted(
        _shifted(
            partial(hessian_vector_product, weighted_loss, theta), dict.fromkeys(theta, damping), average
        )
    )
    finetune_product = _Counted(_level2_product(finetune_loss, fitted, shift, curvature, average))
    u = solve2(finetune_product, valid_gradient)
    s = solve1(pretrain_product, scaled(2 * proximal, {name: u[name] for name in theta}))
    _check_finite(norm(s), "the best response")
    return BestResponse(
        s=dict(s),  # of torch.func's own kind: it takes no subclass for a dict
        valid_loss=value,
        products={"level1": pretrain_product.calls, "level2": finetune_product.calls},
        residuals={"level1": getattr(s, "residual", math.nan), "level2": getattr(u, "residual", math.nan)},
        statuses={"level1": getattr(s, "status", ""), "level2": getattr(u, "status", "")},
    )


def gradient_norms(losses: Loss, params: Params) -> Tensor:
    """‖∇ℓ_k‖ of each of the K losses: one forward pass and K backward passes.

    Raises:
        ValueError: if a loss does not depend on the parameters; the text gives its number.
        FloatingPointError: if a loss or a gradient is not finite.
    """
    values, pull_back = vjp(losses, params)[:2]
    _check_finite(values, "the vector of pretrain_losses")
    units = torch.eye(len(values), dtype=values.dtype, device=values.device)
    norms = torch.stack([norm(pull_back(unit)[0]) for unit in units])
    _check_finite(norms, "the gradient of a pretraining loss")
    if bool((norms == 0).any()):
        constant = ((norms == 0) & (losses(_moved(params)) == values)).nonzero().flatten().tolist()
        if constant:
            raise ValueError(
                f"objective {constant[0]} of pretrain_losses has no gradient path to the encoder: it does "
                "not depend on theta; compute it from the parameters it is called with"
            )
    return norms


def _moved(params: Params) -> Params:
    generator = torch.Generator().manual_seed(0)  # of its own: the caller's random numbers stay as they are
    return {
        name: p + 0.1 * torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p)
        for name, p in params.items()
    }


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


def _one_each(losses: Tensor, weights: Tensor) -> Tensor:
    if losses.shape != weights.shape:
        raise ValueError(
            f"pretrain_losses must return a vector of {len(weights)}, one loss for each weight, "
            f"got shape {tuple(losses.shape)}"
        )
    return losses


def _check_finite(value: Tensor, what: str) -> None:
    if not bool(torch.isfinite(value).all()):
        raise FloatingPointError(f"{what} is not finite; lower the learning rates or check the data")
