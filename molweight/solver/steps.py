"""One step of each level."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molweight.solver.agreement import agreed, running
from molweight.solver.curvature import Params, norm
from molweight.solver.ranks import Average, alone
from molweight.solver.state import LoopConfig, LoopState
from molweight.solver.weights import GradientScale, keep_entropy, pullback


@dataclass(frozen=True)
class PretrainStep:
    """What a step of level I saw of each objective: its loss and its gradient in the encoder.

    `slopes` are −⟨s, ∇ℓ_k⟩ / (‖s‖ scale_k), and empty without an s.
    """

    losses: dict[str, float]
    norms: dict[str, float]
    slopes: dict[str, float]
    cosines: dict[str, float]


def pretrain_step(
    problem: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Any,
    seed: int,
    weights: dict[str, float],
    scale: GradientScale,
    along: Params | None = None,
    average: Average = alone,
) -> PretrainStep:
    """One optimiser step of level I on Σ λ_k ℓ_k / scale_k.

    Objectives rarely share a forward pass, so a backward pass for each costs what one for their sum
    would, and shows each gradient.

    Args:
        problem: called with batch and seed.
        optimiser: of all its parameters.
        batch: what the problem takes.
        seed: of random choices.
        weights: λ.
        scale: takes in the norms of the gradients.
        along: s, where the slopes along it are wanted.
        average: over ranks, of the losses and of each objective's gradient.

    Raises:
        ValueError: if an objective returns something else than a scalar, or does not use the encoder.
        FloatingPointError: if a loss is not finite; nothing has been changed then.
    """
    losses = problem(batch, seed)
    means = average({name: loss.detach() for name, loss in losses.items()})
    values = {name: finite_scalar(mean, f"objective {name}") for name, mean in means.items()}
    params: Params = dict(problem.named_parameters())
    total = {name: torch.zeros_like(p) for name, p in params.items()}
    norms, slopes, cosines = {}, {}, {}
    length = 0.0 if along is None else float(norm(along))
    for name, loss in losses.items():
        found = average(gradients(loss, params))
        in_encoder = encoder_part(found, name)
        norms[name] = float(norm(in_encoder))
        scale.update(name, norms[name])
        if along is not None:
            slope = -float(_shared_dot(along, in_encoder))
            slopes[name] = _ratio(slope, length * scale[name])
            cosines[name] = _ratio(-slope, length * norms[name])
        for p, g in found.items():
            total[p].add_(g, alpha=weights[name] / scale[name])
    for name, param in params.items():
        param.grad = total[name]
    optimiser.step()
    return PretrainStep(values, norms, slopes, cosines)


def finetune_step(state: LoopState, batch: Any, proximal: float) -> float:
    """One optimiser step of level II on L_train(ω) + γ‖ω − θ‖², encoder parameters paired by name."""
    state.finetune_optimiser.zero_grad()
    loss = task_loss(state.finetune, state.finetune(batch), batch)
    value = finite_scalar(state.average({"loss": loss.detach()})["loss"], "fine-tuning")
    loss.backward()
    _average_gradients(state.finetune, state.average)
    anchor = dict(state.pretrain.get_submodule("encoder").named_parameters())
    for name, p in state.finetune.get_submodule("encoder").named_parameters():
        pull = torch.sub(p.detach(), anchor[name].detach())
        p.grad = pull.mul_(2 * proximal) if p.grad is None else p.grad.add_(pull, alpha=2 * proximal)
    state.finetune_optimiser.step()
    return value


def reweight_step(state: LoopState, taken: PretrainStep, config: LoopConfig) -> None:
    """One step of level III: the logits move against the hypergradient.

    It is taken of losses at their common scale and divided by ‖s‖, so that neither an objective's units
    nor the fading gradient of a fitted head decide how far the weights move. Where there are several folds
    the weights move by what they agree on, and not before each has been heard.
    """
    slopes = state.logits.new_tensor([taken.slopes[name] for name in state.objectives])
    if len(state.copies) > 1:
        state.fold_slopes[state.turn] = running(state.fold_slopes[state.turn], slopes)
        shares = slopes.new_tensor([state.weights[name] for name in state.objectives])
        slopes = agreed(state.fold_slopes, shares)
    state.logits.grad = pullback(config.parametrisation, state.logits, slopes)
    state.weight_optimiser.param_groups[0]["lr"] = config.weight_lr_at(state.step)
    state.weight_optimiser.step()
    count = len(state.objectives)
    state.logits[:count] = keep_entropy(state.logits[:count], config.entropy_floor)


def finite_scalar(loss: Tensor, what: str) -> float:
    """The value of a loss.

    Raises:
        ValueError: if it is not a scalar.
        FloatingPointError: if it is not finite.
    """
    check_scalar(loss, what)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss of {what} is {value}; lower the learning rate or check the data")
    return value


def check_scalar(loss: Tensor, what: str) -> None:
    """Look at a loss's shape.

    Raises:
        ValueError: if it is not a scalar.
    """
    if loss.ndim:
        raise ValueError(
            f"the loss of {what} must be a scalar, got shape {tuple(loss.shape)}; take its mean or sum"
        )


def task_loss(finetune: nn.Module, outputs: Any, batch: Any) -> Tensor:
    """The scalar that a finetune module makes of its outputs for a batch."""
    found: Tensor = finetune.loss(outputs, batch)  # type: ignore[operator]  # a method, no submodule
    return found


def gradients(loss: Tensor, params: Params) -> Params:
    """Of the parameters that the loss depends on; its graph is kept."""
    if not loss.requires_grad:
        return {}
    # kept, because objectives may share a pass through the encoder
    found = torch.autograd.grad(loss, list(params.values()), allow_unused=True, retain_graph=True)
    return {name: g for name, g in zip(params, found, strict=True) if g is not None}


def _average_gradients(problem: nn.Module, average: Average) -> None:
    params: Params = dict(problem.named_parameters())
    found = average({name: p.grad for name, p in params.items() if p.grad is not None})
    for name, gradient in found.items():
        params[name].grad = gradient


def encoder_part(gradients: Params, objective: str) -> Params:
    """Those below `encoder.`, by their names there.

    Raises:
        ValueError: if there is none.
    """
    found = {name.removeprefix("encoder."): g for name, g in gradients.items() if name.startswith("encoder.")}
    if not found:
        raise ValueError(
            f"objective {objective} has no gradient path to the encoder; call the encoder it is given"
        )
    return found


def _shared_dot(s: Params, gradients: Params) -> Tensor:
    return torch.stack([(s[name] * g).sum() for name, g in gradients.items()]).sum()


def _ratio(value: float, unit: float) -> float:
    return value / unit if unit > 0 else 0.0
