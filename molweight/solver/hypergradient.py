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

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jvp, vjp

from molweight.solver.best_response import Curvature, Loss, best_response, check_finite
from molweight.solver.curvature import Composed, Params, norm
from molweight.solver.inverse import Inverse
from molweight.solver.weights import find_parametrisation, pullback


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


def gradient_norms(losses: Loss, params: Params) -> Tensor:
    """‖∇ℓ_k‖ of each of the K losses: one forward pass and K backward passes.

    Raises:
        ValueError: if a loss does not depend on the parameters; the text gives its number.
        FloatingPointError: if a loss or a gradient is not finite.
    """
    values, pull_back = vjp(losses, params)[:2]
    check_finite(values, "the vector of pretrain_losses")
    units = torch.eye(len(values), dtype=values.dtype, device=values.device)
    norms = torch.stack([norm(pull_back(unit)[0]) for unit in units])
    check_finite(norms, "the gradient of a pretraining loss")
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


def _one_each(losses: Tensor, weights: Tensor) -> Tensor:
    if losses.shape != weights.shape:
        raise ValueError(
            f"pretrain_losses must return a vector of {len(weights)}, one loss for each weight, "
            f"got shape {tuple(losses.shape)}"
        )
    return losses
