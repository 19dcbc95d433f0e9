"""Pretraining and fine-tuning in one level, with weights down the validation loss: the paper's ablation."""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from molweight.molecules.batch import collate
from molweight.solver import StepRecord
from molweight.solver.curvature import Params, frozen_statistics
from molweight.solver.draws import mixed_seed
from molweight.solver.steps import finite_scalar, gradients
from molweight.solver.weights import GradientScale, pullback
from molweight.tasks.continued import start_pretraining, unlabelled
from molweight.tasks.data import LabelledBatch
from molweight.tasks.gradients import cosines_with, encoder_rows, parameters, set_gradients
from molweight.tasks.job import Fitted, Job, fine_tuned
from molweight.tasks.labelled import labelled_steps, task_problem
from molweight.tasks.optimisers import adam
from molweight.tasks.problems import FinetuneProblem, PretrainProblem
from molweight.tasks.remarks import format_values
from molweight.tasks.sampling import step_batch

TASK = "the task"


def two_level(job: Job) -> Fitted:
    """Continued pretraining jointly with the task at weights learned from validation, then fine-tuning.

    Level I of two   θ, heads = argmin L_train(θ) + Σ_k λ_k ℓ_k(θ)
    Level II of two  w = argmin L_valid(θ*(w)), λ = softmax(w)

    One encoder carries the head of the task and those of the objectives, with no proximal term between two
    copies; after one step of level I along ∇L_train + Σ_k λ_k ∇ℓ_k the hypergradient is, but for the size of
    the step,

        ∂L_valid/∂λ_k = −⟨∇L_valid(θ_after), ∇ℓ_k(θ_before)⟩.

    As in the three-level loop all losses, the task's among them, are brought to unit gradient, the
    hypergradient is divided by ‖∇L_valid‖, and steps, batches, rates and warm-up are its own. The encoder is
    then fine-tuned afresh.
    """
    state = start_pretraining(job, job.objectives)
    history = []
    for record in learn_in_two_levels(job, state.problem):
        history.append(record)
        remark = f"weights {format_values(record.weights, 2)}"
        job.advance(record.step, job.budget.reweight.loop.steps, remark)
    return fine_tuned(state.problem.encoder, job, history[-1].weights, history)


def learn_in_two_levels(job: Job, pretrain: PretrainProblem) -> Iterator[StepRecord]:
    """Run the two levels, one step of each in turn, yielding a record of each pair.

    Args:
        job: what to do.
        pretrain: an encoder and objectives on the job's device; changed in place.

    Raises:
        FloatingPointError: if a loss is not finite; the text names it.
    """
    config = job.budget.reweight
    finetune, names = task_problem(job, pretrain.encoder), list(pretrain.objectives)
    params = parameters(finetune, pretrain)
    optimiser = adam(params.values(), config.loop.pretrain_lr, job.compute.device)
    train, valid = labelled_steps(job)
    store, molecules = unlabelled(job, names)
    scale, logits = GradientScale(), torch.zeros(len(names), dtype=torch.float64)
    for step in range(config.loop.steps):
        weights = dict(zip(names, logits.softmax(0).tolist(), strict=True))
        learn = train(step)
        task = finetune.loss(finetune(learn), learn)
        batch = collate(store, step_batch(molecules, config.pretrain_batch, step, job.seed))
        with frozen_statistics(pretrain.encoder):
            losses = {TASK: task} | pretrain(batch, mixed_seed(job.seed, step))
        values = {name: finite_scalar(loss, name) for name, loss in losses.items()}
        rows = joint_step(losses, params, optimiser, {TASK: 1.0} | weights, scale)[1:]
        valid_loss, cosines, slopes = math.nan, *torch.full((2, len(names)), math.nan)
        if config.loop.reweights(step):
            valid_loss, towards = _valid_gradient(finetune, valid(step), params)
            cosines, slopes = cosines_with(rows, towards), unit_slopes(rows, towards, scale, names)
            logits -= config.loop.weight_lr_at(step) * pullback("softmax", logits, slopes)
        yield StepRecord(
            step + 1,
            dict(zip(names, logits.softmax(0).tolist(), strict=True)),
            {name: values[name] for name in names},
            dict(zip(names, cosines.tolist(), strict=True)),
            dict(zip(names, slopes.tolist(), strict=True)),
            values[TASK],
            valid_loss,
            residuals={},
            statuses={},
        )


def joint_step(
    losses: Mapping[str, Tensor],
    params: Params,
    optimiser: torch.optim.Optimizer,
    weights: Mapping[str, float],
    scale: GradientScale,
) -> Tensor:
    """One step along the weighted sum of the losses, each brought to unit gradient in the encoder.

    Args:
        losses: by name, with their graphs.
        params: of the network, those of the encoder below `encoder.`.
        optimiser: of all of them.
        weights: by name.
        scale: takes in the norms of the gradients.

    Returns:
        Each loss's gradient in the encoder before the step: [losses, parameters].
    """
    found = {name: gradients(loss, params) for name, loss in losses.items()}
    rows = encoder_rows(found, params)
    for name, length in zip(found, rows.norm(dim=1).tolist(), strict=True):
        scale.update(name, length)
    set_gradients(params, found, {name: weights[name] / scale[name] for name in found})
    optimiser.step()
    return rows


def unit_slopes(rows: Tensor, towards: Tensor, scale: GradientScale, names: Sequence[str]) -> Tensor:
    """−⟨∇L_valid, ∇ℓ_k⟩ / (‖∇L_valid‖ scale_k): float64 [objectives] on the CPU.

    Args:
        rows: ∇ℓ_k in the encoder before the step, [objectives, parameters].
        towards: ∇L_valid in the encoder after it, [parameters].
        scale: of each objective's gradient.
        names: of the objectives.
    """
    scales = torch.tensor([scale[name] for name in names], dtype=torch.float64)
    return -cosines_with(rows, towards) * rows.norm(dim=1).double().cpu() / scales


def _valid_gradient(finetune: FinetuneProblem, batch: LabelledBatch, params: Params) -> tuple[float, Tensor]:
    """The validation loss in evaluation mode, and its gradient in the encoder."""
    finetune.eval()
    loss = finetune.loss(finetune(batch), batch)
    finetune.train()
    found = gradients(loss, params)
    return finite_scalar(loss, "validation"), encoder_rows({"validation": found}, params)[0]
