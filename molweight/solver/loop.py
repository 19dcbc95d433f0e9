"""The three-level loop: pretrain, finetune, reweight, one step of each in turn."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from molweight.solver.best_response import BestResponse, best_response
from molweight.solver.curvature import Composed, Params, frozen_statistics
from molweight.solver.draws import seeded
from molweight.solver.state import FINETUNE, PRETRAIN, REWEIGHT, LoopConfig, LoopState
from molweight.solver.steps import PretrainStep, finetune_step, pretrain_step, reweight_step, task_loss


@dataclass(frozen=True)
class Batches:
    """What one iteration works on; what a batch is, only the two problems know."""

    pretrain: Any
    finetune: Any
    valid: Any
    curvature: Any = None  # of the pretrain problem, for the products of level I; `pretrain` where None


@dataclass(frozen=True)
class StepRecord:
    """What one iteration did, by objective or level; NaN or empty what it did not compute.

    Attributes:
        step: counted from 1.
        weights: after the step.
        losses: of each objective, unscaled.
        cosines: of the best response and each objective's gradient; positive where an objective helps.
        hypergradient: ∂F/∂λ_k of losses at their common scale, divided by ‖s‖.
        finetune_loss: without the proximal term.
        valid_loss: on the step's validation batch.
        residuals: relative residual of each level's best response.
        statuses: how each level's best response ended.
        fold: which of several copies was fine-tuned and judged, counted from 0.
    """

    step: int
    weights: dict[str, float]
    losses: dict[str, float]
    cosines: dict[str, float]
    hypergradient: dict[str, float]
    finetune_loss: float
    valid_loss: float
    residuals: dict[str, float]
    statuses: dict[str, str]
    fold: int = 0


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
        yield iterate(state, batches(state.step), config)


def iterate(state: LoopState, batch: Batches, config: LoopConfig) -> StepRecord:
    """One iteration: the best response, a step of level I and of level II, and then of the weights.

    The objectives' gradients are computed for the pretrain step anyway, so that ∂F/∂λ_k = −⟨s, ∇ℓ_k⟩
    costs K inner products, and the whole hypergradient little more than s.
    """
    found = loop_best_response(state, batch, config) if config.reweights(state.step) else None
    strength = sum(state.weights.values())  # Adam does not see the scale of a loss; the rate does
    state.pretrain_optimiser.param_groups[0]["lr"] = config.pretrain_lr * strength  # the encoder's
    taken = pretrain_step(
        state.pretrain,
        state.pretrain_optimiser,
        batch.pretrain,
        state.step_seed(PRETRAIN),
        state.weights,
        state.scale,
        along=None if found is None else found.s,
        average=state.average,
    )
    with seeded(state.step_seed(FINETUNE), state.logits.device):
        finetune_loss = finetune_step(state, batch.finetune, config.proximal)
    if found is not None:
        reweight_step(state, taken, config)
    record = _record(state, taken, finetune_loss, found)
    state.step += 1
    return record


def loop_best_response(state: LoopState, batch: Batches, config: LoopConfig) -> BestResponse:
    """The best response at the state's parameters, leaving no trace in its modules."""
    heads, head = _outside_encoder(state.pretrain), _outside_encoder(state.finetune)
    seed = state.step_seed(REWEIGHT)
    weights = state.weights
    curvature_batch = batch.pretrain if batch.curvature is None else batch.curvature

    def weighted_loss(theta: Params) -> Tensor:
        losses = functional_call(state.pretrain, heads | _under_encoder(theta), (curvature_batch, seed))
        return torch.stack([weights[n] / state.scale[n] * loss for n, loss in losses.items()]).sum()

    def outputs(omega: Params) -> Tensor:
        with seeded(seed, state.logits.device):  # the same dropout in every product
            return functional_call(state.finetune, _under_encoder(omega, head), (batch.finetune,))

    def valid_loss(omega: Params) -> Tensor:
        state.finetune.eval()
        try:
            found = functional_call(state.finetune, _under_encoder(omega, head), (batch.valid,))
            return task_loss(state.finetune, found, batch.valid)
        finally:
            state.finetune.train()

    with frozen_statistics(state.pretrain, state.finetune):
        return best_response(
            weighted_loss,
            Composed(outputs, lambda found: task_loss(state.finetune, found, batch.finetune)),
            valid_loss,
            _detached(state.pretrain.get_submodule("encoder")),
            _detached(state.finetune.get_submodule("encoder")),
            proximal=config.proximal,
            head=head,
            damping=config.damping,
            level1=config.level1,
            level2=config.level2,
            curvature=config.curvature,
            average=state.average,
        )


def _detached(module: nn.Module) -> Params:
    return {name: p.detach() for name, p in module.named_parameters()}


def _under_encoder(params: Params, outside: Params | None = None) -> Params:
    """Names as a problem has them: those of `outside` as they are, others below `encoder`."""
    return {n if outside and n in outside else f"encoder.{n}": value for n, value in params.items()}


def _outside_encoder(problem: nn.Module) -> Params:
    return {name: p.detach() for name, p in problem.named_parameters() if not name.startswith("encoder.")}


def _record(
    state: LoopState, taken: PretrainStep, finetune_loss: float, found: BestResponse | None
) -> StepRecord:
    unknown = dict.fromkeys(state.objectives, math.nan)
    return StepRecord(
        step=state.step + 1,
        weights=state.weights,
        losses=taken.losses,
        cosines=unknown if found is None else taken.cosines,
        hypergradient=unknown if found is None else taken.slopes,
        finetune_loss=finetune_loss,
        valid_loss=math.nan if found is None else float(found.valid_loss),
        residuals={} if found is None else found.residuals,
        statuses={} if found is None else found.statuses,
        fold=state.turn,
    )
