"""Rules that weigh objectives by what a step of pretraining saw of them, each a small function.

What they ask of the gradients is inner products alone, so none of them sees a parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.func import vjp

from molweight.errors import ConfigError

ALPHA = 1.5  # GradNorm's: how strongly objectives that lag behind are favoured


@dataclass(frozen=True)
class Seen:
    """What a step saw of K objectives, in float64.

    Attributes:
        losses: [K].
        first: the losses of the first step, [K].
        scale: running norm of each objective's gradient in the encoder, [K].
        gram: inner products of these gradients, [K, K].
        cosines: of each of them and the gradient of the task's loss, [K]; None where that is not known.
    """

    losses: Tensor
    first: Tensor
    scale: Tensor
    gram: Tensor
    cosines: Tensor | None = None


@dataclass(frozen=True)
class Weighed:
    """What a rule makes of it.

    Attributes:
        weights: of the losses as they are, [K].
        slope: gradient of the rule's own loss in what it learns, [K]; None where it learns nothing.
    """

    weights: Tensor
    slope: Tensor | None = None


Rule = Callable[[Tensor, Seen], Weighed]  # what is learned, [K], zeros at first, and what a step saw


def uncertainty(learned: Tensor, seen: Seen) -> Weighed:
    """Homoscedastic uncertainty (Kendall, Gal & Cipolla, CVPR 2018, section 3.2).

    Minimises Σ_k exp(−s_k) ℓ_k + s_k over the log variances s together with the network, so that
    s_k tends to log ℓ_k: weights are one over the loss. Their factors of ½, which differ between squared
    errors and cross-entropies, are left out.
    """
    weights = (-learned).exp()
    return Weighed(weights, 1 - weights * seen.losses)


def gradnorm(learned: Tensor, seen: Seen) -> Weighed:
    """Gradient normalisation (Chen et al., ICML 2018, algorithm 1), α = 1.5.

    Minimises Σ_k |G_k − Ḡ r_k^α| over the weights w, with G_k = w_k ‖∇ℓ_k‖, Ḡ their mean, and r_k the
    loss over its first value, divided by the mean of that over objectives; Ḡ r_k^α counts as a constant.
    The layer shared by all in which they take the norms is the whole encoder here, and Σ w = K is kept by a
    softmax, where they divide by the sum after each step.
    """
    count, norms = len(learned), seen.gram.diagonal().sqrt()
    weights, pull_back = vjp(lambda logits: count * logits.softmax(0), learned)[:2]
    each = weights * norms
    fallen = torch.where(seen.first > 0, seen.losses / seen.first, 1.0)  # a batch may hold nothing to learn
    target = each.mean() * (fallen / fallen.mean()) ** ALPHA
    return Weighed(weights, pull_back((each - target).sign() * norms)[0])


def cosine(learned: Tensor, seen: Seen) -> Weighed:
    """Shares in proportion to max(0, cos(∇ℓ_k, ∇L_train)) in the encoder; equal ones where it is not known.

    The weight of Du et al. (arXiv 1812.02224, 2018), which is the GCS of Dey & Ning (J. Cheminf. 2024, 16,
    85). They train the objectives jointly with the task; here they pretrain, and the gradients are brought to
    unit length first. Where all oppose the task, all weights are 0.
    """
    known = torch.ones_like(seen.losses) if seen.cosines is None else seen.cosines.clamp(min=0)
    total = known.sum()
    return Weighed((known / total if total > 0 else known) / seen.scale)


def upgrad(learned: Tensor, seen: Seen) -> Weighed:
    """Unconflicting projection of gradients (Quinton & Rey, arXiv 2406.16232, 2024), by torchjd.

    Each objective's gradient, brought to unit length, is projected onto the cone of directions that oppose
    none of them, and the mean of the projections is taken: to first order a step along it raises no
    objective's loss. (Adam, which takes the steps here as in all methods, gives no such promise.)

    Raises:
        ConfigError: if torchjd is not installed.
    """
    require_torchjd()
    from torchjd.aggregation import UPGradWeighting

    unit = seen.gram / torch.outer(seen.scale, seen.scale)
    return Weighed(UPGradWeighting()(unit) / seen.scale)


def require_torchjd() -> None:
    """Refuse to start without what `upgrad` needs.

    Raises:
        ConfigError: if it is not installed.
    """
    missing = [name for name in ("torchjd", "qpsolvers", "quadprog") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"upgrad needs {', '.join(missing)}: pip install 'molweight[torchjd]'")


def turned(cosines: Tensor, norms: Tensor, task_norm: Tensor) -> tuple[Tensor, Tensor]:
    """Objectives' gradients g_k that are no longer than the task's g and do not oppose it.

    A g_k with ⟨g_k, g⟩ < 0 is turned in the plane of the two until it stands at a right angle to g, at its
    length: (g_k − cos_k ‖g_k‖/‖g‖ g) / sin_k. One that is longer than g is then shortened to its length. One
    that points straight against g has no such plane and is left out.

    Args:
        cosines: of each g_k and g, [K].
        norms: ‖g_k‖, [K].
        task_norm: ‖g‖, a scalar.

    Returns:
        The factor of each g_k, [K], and the factor of g that is added for it, [K].
    """
    length = torch.where(norms > task_norm, task_norm / norms, 1.0)
    sine = (1 - cosines.square()).clamp(min=0).sqrt()
    opposed = cosines < 0
    factor = torch.where(opposed, torch.where(sine > 1e-6, length / sine, 0.0), length)
    added = torch.where(opposed & (task_norm > 0), -factor * cosines * norms / task_norm, 0.0)
    return factor, added
