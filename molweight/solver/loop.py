"""The three-level loop: pretrain, finetune, reweight, one step of each in turn."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from molweight.solver.curvature import Params, frozen_statistics
from molweight.solver.draws import mixed_seed, seeded
from molweight.solver.hypergradient import Hypergradient, hypergradient
from molweight.solver.inverse import Inverse
from molweight.solver.weights import GradientScale, softmax_pullback, softmax_weights

PRETRAIN, FINETUNE, REWEIGHT = range(3)  # levels, for telling their random choices apart


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the three-level loop.

    Attributes:
        steps: iterations, each one step of every level.
        warmup: iterations before the weights move, for the property head to mean something first.
        pretrain_lr: Adam's learning rate of level I.
        finetune_lr: Adam's learning rate of level II.
        weight_lr: step of the logits along the normalised hypergradient.
        proximal: γ, the strength that holds the fine-tuned copy near the pretrained encoder. Where the
            copy drifts away (0.01 on a GIN), its validation gradient says little about the encoder, and an
            objective that leaks the target no longer gains weight.
        level1: best response of the pretrain problem.
        level2: best response of the finetune problem.
    """

    steps: int
    warmup: int = 20
    pretrain_lr: float = 1e-4
    finetune_lr: float = 1e-3
    weight_lr: float = 2.0
    proximal: float = 1.0
    level1: str | Inverse = "identity"
    level2: str | Inverse = "identity"

    def __post_init__(self) -> None:
        for name in ("steps", "pretrain_lr", "finetune_lr", "proximal"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class Batches:
    """What one iteration works on; what a batch is, only the two problems know."""

    pretrain: Any
    finetune: Any
    reweight_pretrain: Any
    valid: Any


@dataclass(frozen=True)
class StepRecord:
    """What one iteration did, by objective where that applies; NaN what the warm-up does not have."""

    step: int
    weights: dict[str, float]
    losses: dict[str, float]
    cosines: dict[str, float]
    finetune_loss: float
    valid_loss: float


@dataclass
class LoopState:
    """Everything the loop changes.

    `pretrain` is a module with submodules `encoder` and `objectives` (one child for each), called with a
    batch and a seed and returning each objective's loss by name. `finetune` is a module with a copy of
    that encoder under the same name, called with a batch and returning a scalar loss. `seed` and the
    step decide every random choice.
    """

    pretrain: nn.Module
    finetune: nn.Module
    objectives: tuple[str, ...]
    logits: Tensor
    pretrain_optimiser: torch.optim.Optimizer
    finetune_optimiser: torch.optim.Optimizer
    seed: int = 0
    scale: GradientScale = field(default_factory=GradientScale)
    step: int = 0

    @classmethod
    def start(
        cls, pretrain: nn.Module, finetune: nn.Module, config: LoopConfig, seed: int = 0
    ) -> "LoopState":
        """Equal weights, fresh optimisers.

        Raises:
            ValueError: if there is no objective.
        """
        names = tuple(name for name, _ in pretrain.get_submodule("objectives").named_children())
        if not names:
            raise ValueError("the pretrain problem has no objective; give at least one")
        device = next(finetune.parameters()).device
        return cls(
            pretrain,
            finetune,
            names,
            torch.zeros(len(names), device=device),
            torch.optim.Adam(pretrain.parameters(), config.pretrain_lr, fused=True),
            torch.optim.Adam(finetune.parameters(), config.finetune_lr, fused=True),
            seed,
        )

    @property
    def weights(self) -> dict[str, float]:
        """The present share of each objective."""
        return softmax_weights(self.objectives, self.logits)

    def step_seed(self, level: int) -> int:
        """Seed of the random choices that a level makes in the present step."""
        return mixed_seed(self.seed, self.step, level)


def learn_weights(
    state: LoopState, batches: Callable[[int], Batches], config: LoopConfig
) -> Iterator[StepRecord]:
    """Run the loop from the state's step to the last, yielding a record of each iteration.

    Args:
        state: changed in place.
        batches: from the number of an iteration to its batches; a pure function, so that a run can resume.
        config: settings.

    Raises:
        FloatingPointError: if a loss is not finite; the text names it.
    """
    while state.step < config.steps:
        step, batch = state.step, batches(state.step)
        seed = state.step_seed(PRETRAIN)
        losses = pretrain_step(
            state.pretrain, state.pretrain_optimiser, batch.pretrain, seed, state.weights, state.scale
        )
        with seeded(state.step_seed(FINETUNE), state.logits.device):
            finetune_loss = finetune_step(state, batch.finetune, config.proximal)
        found = reweight_step(state, batch, config) if step >= config.warmup else None
        state.step += 1
        yield _record(state, losses, finetune_loss, found)


def pretrain_step(
    problem: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Any,
    seed: int,
    weights: dict[str, float],
    scale: GradientScale,
) -> dict[str, float]:
    """One optimiser step of level I on Σ λ_k ℓ_k / scale_k; returns each objective's unscaled loss.

    Objectives rarely share a forward pass, so a backward pass for each costs what one for their sum
    would, and shows the norm of each gradient.
    """
    params = dict(problem.named_parameters())
    total = {name: torch.zeros_like(p) for name, p in params.items()}
    values = {}
    for name, loss in problem(batch, seed).items():
        values[name] = _finite(loss, f"objective {name}")
        gradients = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
        found = {p: g for p, g in zip(params, gradients, strict=True) if g is not None}
        scale.update(name, _encoder_norm(found, name))
        for p, g in found.items():
            total[p].add_(g, alpha=weights[name] / scale[name])
    for name, param in params.items():
        param.grad = total[name]
    optimiser.step()
    return values


def finetune_step(state: LoopState, batch: Any, proximal: float) -> float:
    """One optimiser step of level II on L_train(ω) + γ‖ω − θ‖², encoder parameters paired by name."""
    state.finetune_optimiser.zero_grad()
    loss = state.finetune(batch)
    value = _finite(loss, "fine-tuning")
    loss.backward()
    anchor = dict(state.pretrain.get_submodule("encoder").named_parameters())
    for name, p in state.finetune.get_submodule("encoder").named_parameters():
        pull = torch.sub(p.detach(), anchor[name].detach())
        p.grad = pull.mul_(2 * proximal) if p.grad is None else p.grad.add_(pull, alpha=2 * proximal)
    state.finetune_optimiser.step()
    return value


def reweight_step(state: LoopState, batch: Batches, config: LoopConfig) -> Hypergradient:
    """One step of level III: the logits move against the hypergradient, as far as the cosines are large.

    The hypergradient is taken of losses at their common scale and divided by ‖s‖, so that neither an
    objective's units nor the fading gradient of a fitted head decide how far the weights move.
    """
    found = loop_hypergradient(state, batch, config)
    _finite(found.valid_loss, "validation")
    state.logits += config.weight_lr * softmax_pullback(state.logits.softmax(0), found.cosines)
    return found


def loop_hypergradient(state: LoopState, batch: Batches, config: LoopConfig) -> Hypergradient:
    """The hypergradient at the state's parameters, leaving no trace in its modules."""
    seed = state.step_seed(REWEIGHT)
    heads, head = _outside_encoder(state.pretrain), _outside_encoder(state.finetune)

    def pretrain_losses(theta: Params) -> Tensor:
        losses = functional_call(
            state.pretrain, heads | _under_encoder(theta), (batch.reweight_pretrain, seed)
        )
        return torch.stack([losses[name] / state.scale[name] for name in state.objectives])

    def finetune_loss(omega: Params) -> Tensor:
        with seeded(seed, state.logits.device):  # the same dropout in every product
            return functional_call(state.finetune, head | _under_encoder(omega), (batch.finetune,))

    def valid_loss(omega: Params) -> Tensor:
        state.finetune.eval()
        try:
            return functional_call(state.finetune, head | _under_encoder(omega), (batch.valid,))
        finally:
            state.finetune.train()

    with frozen_statistics(state.pretrain, state.finetune):
        return hypergradient(
            pretrain_losses,
            finetune_loss,
            valid_loss,
            _detached(state.pretrain.get_submodule("encoder")),
            _detached(state.finetune.get_submodule("encoder")),
            state.logits,
            proximal=config.proximal,
            level1=config.level1,
            level2=config.level2,
            norms=torch.ones_like(state.logits),
        )


def _detached(module: nn.Module) -> Params:
    return {name: p.detach() for name, p in module.named_parameters()}


def _outside_encoder(problem: nn.Module) -> Params:
    return {name: p.detach() for name, p in problem.named_parameters() if not name.startswith("encoder.")}


def _under_encoder(params: Params) -> Params:
    return {f"encoder.{name}": value for name, value in params.items()}


def _encoder_norm(gradients: Params, objective: str) -> float:
    squares = [g.square().sum() for name, g in gradients.items() if name.startswith("encoder.")]
    if not squares:
        raise ValueError(
            f"objective {objective} has no gradient path to the encoder; call the encoder it is given"
        )
    return float(torch.stack(squares).sum().sqrt())


def _finite(loss: Tensor, what: str) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss of {what} is {value}; lower the learning rate or check the data")
    return value


def _record(
    state: LoopState, losses: dict[str, float], finetune_loss: float, found: Hypergradient | None
) -> StepRecord:
    cosines = [math.nan] * len(state.objectives) if found is None else found.cosines.tolist()
    return StepRecord(
        step=state.step,
        weights=state.weights,
        losses=losses,
        cosines=dict(zip(state.objectives, cosines, strict=True)),
        finetune_loss=finetune_loss,
        valid_loss=math.nan if found is None else float(found.valid_loss),
    )
