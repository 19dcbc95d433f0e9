"""Settings and state of the three-level loop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from molweight.solver.best_response import Curvature, check_pairing
from molweight.solver.curvature import Params
from molweight.solver.draws import mixed_seed
from molweight.solver.inverse import Inverse, as_inverse
from molweight.solver.ranks import Average, alone
from molweight.solver.weights import GradientScale, find_parametrisation

PRETRAIN, FINETUNE, REWEIGHT = range(3)  # levels, for telling their random choices apart

WEIGHT_LR = {"sgd": 5.0, "adam": 0.05}


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the three-level loop.

    Attributes:
        steps: iterations, each one step of every level.
        warmup: iterations before the weights move, for the property head to mean something first.
        every: iterations from one step of the weights to the next.
        pretrain_lr: Adam's learning rate of level I for the encoder.
        finetune_lr: Adam's learning rate of level II for the encoder's copy.
        head_lr: Adam's learning rate of the heads of both levels. Heads that fit what they can leave to the
            encoder the residuals of single molecules, in which two objectives agree by chance alone: they
            must learn slowly for the weights to have something to go by.
        weight_optimiser: what moves the logits: "sgd" along the normalised hypergradient, or "adam".
        weight_lr: its learning rate at first, 5 for sgd and 0.05 for adam where it is None; falls linearly
            to 0, so that the last batches do not decide.
        parametrisation: "softmax" (shares), or "strength" (shares times a learned overall strength).
        normalise: bring the objectives' losses to unit gradient; without it, as published, the loss with
            the largest gradient decides (an ablation).
        entropy_floor: least entropy of the shares, as a part of that of equal ones.
        proximal: γ, the strength that holds the fine-tuned copy near the pretrained encoder. Where the
            copy drifts away (0.01 on a GIN), its validation gradient says little about the encoder, and an
            objective that leaks the target no longer gains weight.
        damping: μ of level I.
        level1: best response of the pretrain problem.
        level2: best response of the finetune problem.
        curvature: of level II, "hessian" or "gauss_newton".
    """

    steps: int
    warmup: int = 5
    every: int = 1
    pretrain_lr: float = 1e-4
    finetune_lr: float = 1e-3
    head_lr: float = 1e-4
    weight_optimiser: str = "sgd"
    weight_lr: float | None = None
    parametrisation: str = "softmax"
    normalise: bool = True
    entropy_floor: float = 0.0
    proximal: float = 1.0
    damping: float = 0.0
    level1: str | Inverse = "identity"
    level2: str | Inverse = "identity"
    curvature: Curvature = "hessian"

    def __post_init__(self) -> None:
        for name in ("steps", "every", "pretrain_lr", "finetune_lr", "head_lr", "proximal"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.weight_lr is not None and self.weight_lr < 0:
            raise ValueError(f"weight_lr must not be negative, got {self.weight_lr}")
        if not 0 <= self.entropy_floor <= 1:
            raise ValueError(f"entropy_floor must be from 0 to 1, got {self.entropy_floor}")
        if self.weight_optimiser not in WEIGHT_LR:
            raise ValueError(
                f"weight_optimiser must be one of {sorted(WEIGHT_LR)}, got {self.weight_optimiser!r}"
            )
        if self.curvature not in get_args(Curvature):
            raise ValueError(f"curvature must be one of {get_args(Curvature)}, got {self.curvature!r}")
        find_parametrisation(self.parametrisation)
        as_inverse(self.level1), as_inverse(self.level2)

    def weight_lr_at(self, step: int) -> float:
        """Learning rate of the weights in a step, counted from 0."""
        first = WEIGHT_LR[self.weight_optimiser] if self.weight_lr is None else self.weight_lr
        return first * (1 - step / self.steps)

    def reweights(self, step: int) -> bool:
        """Whether the weights move in a step, counted from 0."""
        return step >= self.warmup and (step - self.warmup) % self.every == 0


@dataclass
class LoopState:
    """Everything the loop changes.

    `pretrain` is a module with submodules `encoder` and `objectives` (one child for each), called with a
    batch and a seed and returning each objective's loss by name. `finetune` is a module with a copy of
    that encoder under the same name, called with a batch and returning outputs, and with a method
    `loss(outputs, batch)` that makes a scalar of them. There may be several such copies, for level III to be
    judged on folds that each was not fitted to: they take turns, one to an iteration, and `fold_slopes` keeps
    a running ∂F/∂λ of each, [copies, objectives]. `seed` and the step decide every random choice.
    `average` makes one of the losses, gradients and curvature products of all ranks of a data-parallel run,
    each of which then holds the same state to the bit.
    """

    pretrain: nn.Module
    copies: tuple[nn.Module, ...]
    objectives: tuple[str, ...]
    parametrisation: str
    logits: Tensor
    pretrain_optimiser: torch.optim.Optimizer
    copy_optimisers: list[torch.optim.Optimizer]
    weight_optimiser: torch.optim.Optimizer
    fold_slopes: Tensor
    scale: GradientScale
    seed: int = 0
    step: int = 0
    average: Average = alone

    @classmethod
    def start(
        cls,
        pretrain: nn.Module,
        finetune: nn.Module | Sequence[nn.Module],
        config: LoopConfig,
        seed: int = 0,
        average: Average = alone,
    ) -> "LoopState":
        """Equal weights, fresh optimisers.

        Args:
            pretrain: the pretrain problem.
            finetune: the finetune problem, or one for each fold.
            config: settings.
            seed: of random choices.
            average: over ranks.

        Raises:
            ValueError: if there is no objective, or an encoder and its copy differ in their parameters.
        """
        names = tuple(name for name, _ in pretrain.get_submodule("objectives").named_children())
        if not names:
            raise ValueError("the pretrain problem has no objective; give at least one")
        copies = (finetune,) if isinstance(finetune, nn.Module) else tuple(finetune)
        for each in copies:
            check_pairing(_encoder(pretrain), _encoder(each))
        extra = find_parametrisation(config.parametrisation).extra
        logits = next(copies[0].parameters()).detach().new_zeros(len(names) + extra)
        return cls(
            pretrain,
            copies,
            names,
            config.parametrisation,
            logits,
            _adam(pretrain, config.pretrain_lr, config.head_lr),
            [_adam(each, config.finetune_lr, config.head_lr) for each in copies],
            _weight_optimiser(logits, config),
            logits.new_full((len(copies), len(names)), math.nan),
            GradientScale(active=config.normalise),
            seed,
            average=average,
        )

    @property
    def turn(self) -> int:
        """The copy whose turn it is."""
        return self.step % len(self.copies)

    @property
    def finetune(self) -> nn.Module:
        """The finetune problem of the present step."""
        return self.copies[self.turn]

    @property
    def finetune_optimiser(self) -> torch.optim.Optimizer:
        """Its optimiser."""
        return self.copy_optimisers[self.turn]

    @property
    def weights(self) -> dict[str, float]:
        """The present weight of each objective."""
        found = find_parametrisation(self.parametrisation).weights(self.logits.double())
        return dict(zip(self.objectives, found.tolist(), strict=True))

    def step_seed(self, level: int) -> int:
        """Seed of the random choices that a level makes in the present step."""
        return mixed_seed(self.seed, self.step, level)


def _adam(problem: nn.Module, encoder_lr: float, head_lr: float) -> torch.optim.Optimizer:
    inside = [p for name, p in problem.named_parameters() if name.startswith("encoder.")]
    heads = [p for name, p in problem.named_parameters() if not name.startswith("encoder.")]
    groups: list[dict[str, Any]] = [{"params": inside}, {"params": heads, "lr": head_lr}]
    return torch.optim.Adam(groups, encoder_lr, fused=True)


def _weight_optimiser(logits: Tensor, config: LoopConfig) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if config.weight_optimiser == "adam" else torch.optim.SGD
    return kind([logits], config.weight_lr_at(0))


def _encoder(problem: nn.Module) -> Params:
    return dict(problem.get_submodule("encoder").named_parameters())
