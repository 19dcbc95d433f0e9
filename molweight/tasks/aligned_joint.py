"""Fine-tuning and the objectives at once on one encoder, with no objective's gradient against the task's."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count

import torch
from torch import Tensor

from molweight.molecules.store import Store
from molweight.objectives import described, graph_objectives
from molweight.solver.curvature import Params, frozen_statistics
from molweight.solver.draws import mixed_seed
from molweight.solver.steps import finite_scalar, gradients
from molweight.tasks.data import labelled_batch
from molweight.tasks.finetune import Step
from molweight.tasks.gradients import cosines_with, encoder_rows, parameters, set_gradients
from molweight.tasks.job import Fitted, Job, fine_tuned
from molweight.tasks.optimisers import adam
from molweight.tasks.problems import FinetuneProblem, PretrainProblem
from molweight.tasks.weightings import turned

TASK = "the task"


def aligned_joint(job: Job) -> Fitted:
    """Fine-tuning whose steps also lower the objectives' losses, by gradients that do not oppose the task's.

    With g the gradient of the task's loss in the encoder and g_k that of objective k, on the same labelled
    batch, the encoder goes along g + Σ_k g̃_k: g̃_k is g_k shortened to the length of g where it is longer,
    and turned to stand at a right angle to g where it opposes it (see `turned`). So ⟨g + Σ_k g̃_k, g⟩ is
    never below ‖g‖², before Adam scales it. Heads learn from their own losses. Epochs, batches, learning
    rate and the choice of the epoch by validation are those of fine-tuning.

    It is of the family of RCGrad (Dey & Ning, J. Cheminf. 2024, 16, 85), which also trains self-supervised
    tasks jointly with fine-tuning and rotates conflicting gradients. There the rotation is learned; here it
    is the smallest that ends the conflict, in closed form. The shortening is their GNS. Here the running
    statistics of batch normalisation follow the molecules as they are, without the objectives' corrupted
    views. A corpus is not read.
    """
    # of the batches that steps learn from
    store = described(job.data.store, job.data.smiles, job.objectives)
    job = replace(job, data=replace(job.data, store=store))
    fitted = fine_tuned(job.checkpoint, job, make_step=partial(_joint_step, job))
    return replace(fitted, encoder=None)  # no encoder was pretrained first


def _joint_step(
    job: Job,
    problem: FinetuneProblem,
    store: Store,
    labels: Tensor,
    train: Tensor,
    optimiser: torch.optim.Optimizer,
    batch_size: int,
) -> Step:
    heads = graph_objectives(problem.encoder.width, job.objectives).to(store.device)
    pretrain = PretrainProblem(problem.encoder, heads, job.compute, job.budget.reweight.shared_view)
    learner = adam(heads.parameters(), job.budget.finetune.lr, store.device)
    params = parameters(problem, pretrain)
    numbers = count()

    def step(molecules: Tensor) -> Tensor:
        batch = labelled_batch(store, labels, molecules.to(store.device))
        loss = problem.loss(problem(batch), batch)
        with frozen_statistics(problem.encoder):
            losses = pretrain(batch.graphs, mixed_seed(job.seed, next(numbers)))
        for name, value in losses.items():
            finite_scalar(value, f"objective {name}")
        every = {TASK: loss} | losses
        set_aligned(params, {name: gradients(value, params) for name, value in every.items()})
        optimiser.step()
        learner.step()
        return loss.detach()

    return step


def set_aligned(params: Params, found: Mapping[str, Params]) -> None:
    """Let the encoder go along the task's gradient and the objectives' turned ones, each head along its own.

    Args:
        params: of the network; their gradients are replaced.
        found: gradients of the task's loss, which comes first, and of the objectives'.
    """
    rows = encoder_rows(found, params)
    norms = rows.norm(dim=1).double().cpu()
    factors, added = turned(cosines_with(rows[1:], rows[0]), norms[1:], norms[0])
    weights = dict(zip(found, [1 + float(added.sum()), *factors.tolist()], strict=True))
    inside = {name: p for name, p in params.items() if name.startswith("encoder.")}
    outside = {name: p for name, p in params.items() if name not in inside}
    set_gradients(inside, _within(inside, found), weights)
    set_gradients(outside, _within(outside, found), dict.fromkeys(found, 1.0))


def _within(params: Params, found: Mapping[str, Params]) -> dict[str, Params]:
    return {loss: {n: g for n, g in gradient.items() if n in params} for loss, gradient in found.items()}
