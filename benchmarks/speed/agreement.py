"""Do betty and this program compute the same thing? Losses and hypergradient of one iteration in place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from molweight.benchmarks.speed.betty_loop import start_betty
from molweight.solver import Hypergradient, LoopConfig, LoopState, hypergradient
from molweight.solver.curvature import Params, frozen_statistics
from molweight.solver.draws import seeded
from molweight.solver.loop import Batches
from molweight.solver.state import FINETUNE, PRETRAIN
from molweight.solver.steps import task_loss

STILL = 1e-30  # learning rate that moves no parameter
TOLERANCE = 1e-3  # relative: the two are the same numbers but for rounding


class AnySetting(Protocol):
    """A three-level problem of any domain, and its batches."""

    @property
    def batches(self) -> Callable[[int], Batches]:
        """From the number of an iteration."""

    def start(self, config: LoopConfig) -> LoopState:
        """A state of its own for each call; all begin alike."""


def compare(setting: AnySetting, config: LoopConfig) -> dict[str, Any]:
    """Both at the same parameters, batches and random choices.

    Returns:
        `losses`, by name ours and betty's; `loss_error`, their largest relative difference; `cosine` of the
        two hypergradients for the logits; `length`, betty's over ours.
    """
    still = replace(config, pretrain_lr=STILL, finetune_lr=STILL, head_lr=STILL)
    ours, found = _ours(setting.start(still), setting.batches(0), still)
    betty = start_betty(setting.start(still), setting.batches, still)
    before = betty.logits.detach().clone()
    betty.step()
    theirs = (before - betty.logits.detach()) / still.weight_lr_at(0)
    losses = {name: (value, betty.losses[name]) for name, value in ours.items()}
    return {
        "losses": losses,
        "loss_error": max(abs(a - b) / abs(a) for a, b in losses.values()),
        "cosine": float(torch.cosine_similarity(theirs, found.gradient, dim=0)),
        "length": float(theirs.norm() / found.gradient.norm()),
    }


def check_agreement(found: dict[str, Any]) -> None:
    """Refuse to time two programs that do different things.

    Raises:
        RuntimeError: if a loss differs.
    """
    if not found["loss_error"] < TOLERANCE:
        raise RuntimeError(f"betty's losses are not those of this program (ours, betty's): {found['losses']}")


def _ours(state: LoopState, batch: Batches, config: LoopConfig) -> tuple[dict[str, float], Hypergradient]:
    """Losses of the first iteration, and the hypergradient with both inverses taken for the identity."""
    seed = state.step_seed(PRETRAIN)
    for problem in (state.pretrain, state.finetune):
        problem.requires_grad_(False)  # torch.func differentiates what it is given
    losses = {name: float(loss) for name, loss in state.pretrain(batch.pretrain, seed).items()}
    with seeded(state.step_seed(FINETUNE), state.logits.device):
        losses["finetune"] = float(task_loss(state.finetune, state.finetune(batch.finetune), batch.finetune))
    state.finetune.eval()

    def pretrain_losses(theta: Params) -> Tensor:
        found = functional_call(state.pretrain, _encoder(theta), (batch.pretrain, seed))
        return torch.stack([found[name] for name in state.objectives])

    def loss_on(labelled: Any, omega: Params) -> Tensor:
        outputs = functional_call(state.finetune, _encoder(omega), (labelled,))
        return task_loss(state.finetune, outputs, labelled)

    with frozen_statistics(state.pretrain):
        found = hypergradient(
            pretrain_losses,
            lambda omega: loss_on(batch.finetune, omega),
            lambda omega: loss_on(batch.valid, omega),
            _detached(state.pretrain),
            _detached(state.finetune),
            state.logits,
            proximal=config.proximal,
        )
    return losses | {"valid": float(found.valid_loss)}, found


def _encoder(params: Params) -> Params:
    return {f"encoder.{name}": value for name, value in params.items()}


def _detached(problem: nn.Module) -> Params:
    return {name: p.detach() for name, p in problem.get_submodule("encoder").named_parameters()}
