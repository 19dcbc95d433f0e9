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

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, jvp

from molweight.solver.curvature import Params, axpy, hessian_vector_product, norm, scaled
from molweight.solver.inverse import Inverse, MatVec, as_inverse
from molweight.solver.weights import softmax_pullback


@dataclass(frozen=True)
class Hypergradient:
    """What one hypergradient found.

    Attributes:
        gradient: ∂F/∂w, [objectives].
        per_objective: ∂F/∂λ_k, [objectives]; negative where more of an objective lowers the validation loss.
        cosines: of the best response s and each ∇ℓ_k, [objectives]; positive where an objective helps.
        valid_loss: L_valid(ω).
        products: Hessian-vector products that each level's best response took.
    """

    gradient: Tensor
    per_objective: Tensor
    cosines: Tensor
    valid_loss: Tensor
    products: dict[str, int]


def hypergradient(
    pretrain_losses: Callable[[Params], Tensor],
    finetune_loss: Callable[[Params], Tensor],
    valid_loss: Callable[[Params], Tensor],
    theta: Params,
    omega: Params,
    logits: Tensor,
    *,
    proximal: float,
    damping: float = 0.0,
    level1: str | Inverse = "identity",
    level2: str | Inverse = "identity",
    norms: Tensor | None = None,
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
        logits: w, [objectives].
        proximal: γ > 0.
        damping: μ of level I.
        level1: best response of the pretrain problem, a name or a function `(matvec, b) -> x`.
        level2: best response of the finetune problem.
        norms: ‖∇ℓ_k‖ for the cosines where they are known; else K backward passes find them.

    Raises:
        ValueError: if the parameters of θ and ω differ in names or shapes, if the losses are not one for
            each logit, if γ is not positive, or if there is no best response of that name.
    """
    _check(theta, omega, proximal)
    solve1, solve2 = as_inverse(level1), as_inverse(level2)
    weights = logits.detach().softmax(0)

    def losses(params: Params) -> Tensor:
        found = pretrain_losses(params)
        if found.shape != logits.shape:
            raise ValueError(
                f"pretrain_losses must return a vector of {len(logits)}, one loss for each logit, "
                f"got shape {tuple(found.shape)}"
            )
        return found

    def weighted_loss(params: Params) -> Tensor:
        # no `@`: the tangent of a Python number times a scalar loss is float64, which `@` refuses
        return (weights * losses(params)).sum()

    valid_gradient, value = torch.func.grad_and_value(valid_loss)(omega)
    finetune_product = _Counted(_shifted_hessian(finetune_loss, omega, 2 * proximal))
    pretrain_product = _Counted(_shifted_hessian(weighted_loss, theta, damping))
    response = scaled(2 * proximal, solve2(finetune_product, valid_gradient))
    s = solve1(pretrain_product, response)
    along: Tensor = jvp(losses, (theta,), (s,))[1]
    per_objective = -along.to(logits.dtype)
    norms = gradient_norms(losses, theta) if norms is None else norms
    return Hypergradient(
        gradient=softmax_pullback(weights, per_objective),
        per_objective=per_objective,
        cosines=-per_objective / (norm(s) * norms).clamp(min=torch.finfo(norms.dtype).tiny),
        valid_loss=value,
        products={"level1": pretrain_product.calls, "level2": finetune_product.calls},
    )


def gradient_norms(losses: Callable[[Params], Tensor], params: Params) -> Tensor:
    """‖∇ℓ_k‖ of each of the K losses, by K backward passes."""
    count = len(losses(params))
    return torch.stack([norm(grad(lambda p, k=k: losses(p)[k])(params)) for k in range(count)])


class _Counted:
    """A product that counts its calls."""

    def __init__(self, product: MatVec) -> None:
        self.product, self.calls = product, 0

    def __call__(self, vector: Params) -> Params:
        self.calls += 1
        return self.product(vector)


def _shifted_hessian(loss: Callable[[Params], Tensor], params: Params, shift: float) -> MatVec:
    """v -> (∇²loss + shift·I) v."""
    return lambda v: axpy(shift, v, hessian_vector_product(loss, params, v))


def _check(theta: Params, omega: Params, proximal: float) -> None:
    if proximal <= 0:
        raise ValueError(f"proximal must be positive, got {proximal}: at 0 the levels are not connected")
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
