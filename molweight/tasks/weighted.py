"""Continued pretraining at weights that a rule finds from what each step sees, then fine-tuning."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.solver.curvature import Params, frozen_statistics
from molweight.solver.draws import mixed_seed
from molweight.solver.state import WEIGHT_LR
from molweight.solver.steps import finite_scalar, gradients
from molweight.solver.weights import GradientScale
from molweight.tasks.continued import start_pretraining, unlabelled
from molweight.tasks.gradients import cosines_with, encoder_rows, parameters, set_gradients
from molweight.tasks.job import Fitted, Job, fine_tuned
from molweight.tasks.labelled import labelled_steps, task_problem
from molweight.tasks.optimisers import adam
from molweight.tasks.pretrain import PretrainConfig, PretrainState
from molweight.tasks.remarks import format_values
from molweight.tasks.sampling import step_batch
from molweight.tasks.weightings import Rule, Seen

WINDOW = 50  # last steps over whose shares is averaged for the report

TaskGradient = Callable[[int], Tensor | None]  # of a step, in the encoder, flat


def weighted(job: Job, rule: Rule, sees_task: bool = False) -> Fitted:
    """Continued pretraining at the weights of a rule, then fine-tuning.

    In the steps, batches and learning rate of equal weights. The weights that are told are shares of the
    update, each weight times the norm of its objective's gradient, as means over the last steps.

    Args:
        job: what to do.
        rule: from what a step saw to its weights. What it learns, Adam moves at the rate that the
            three-level loop has where Adam moves its weights.
        sees_task: whether the rule is shown the gradient of the task's loss on train molecules.
    """
    state = start_pretraining(job, job.objectives)
    config = job.budget.continued_pretraining(job.seed)
    task = head_on_encoder(job, state.problem.encoder) if sees_task else None
    store, molecules = unlabelled(job, job.objectives)
    shares = []
    for share in pretrain_by_rule(state, store, molecules, config, rule, task):
        shares.append(share)
        job.advance(state.step, config.steps, f"weights {format_values(share, 2)}")
    late = shares[-WINDOW:]
    told = {name: sum(share[name] for share in late) / len(late) for name in job.objectives}
    return fine_tuned(state.problem.encoder, job, told)


def pretrain_by_rule(
    state: PretrainState,
    store: Store,
    molecules: Tensor,
    config: PretrainConfig,
    rule: Rule,
    task: TaskGradient | None = None,
) -> Iterator[dict[str, float]]:
    """Run from step 0 to the last, yielding each objective's share of the update.

    Args:
        state: at step 0; changed in place.
        store: graphs, on the problem's device.
        molecules: positions in the store to learn from.
        config: settings.
        rule: from what a step saw to its weights.
        task: gradient of the task's loss in the encoder, where the rule is to see it.

    Raises:
        FloatingPointError: if a loss is not finite; the text names the objective.
    """
    problem, first = state.problem, None
    names, params = list(problem.objectives), parameters(problem)
    learned = torch.zeros(len(names), dtype=torch.float64)
    mover = torch.optim.Adam([learned], WEIGHT_LR["adam"])
    while state.step < config.steps:
        batch = collate(store, step_batch(molecules, config.batch_size, state.step, config.seed))
        losses = problem(batch, mixed_seed(config.seed, state.step))
        values = [finite_scalar(loss, f"objective {name}") for name, loss in losses.items()]
        first = values if first is None else first
        found = {name: gradients(loss, params) for name, loss in losses.items()}
        towards = None if task is None else task(state.step)
        seen = _look(state.scale, values, first, found, params, towards)
        weighed = rule(learned, seen)
        set_gradients(params, found, dict(zip(names, weighed.weights.tolist(), strict=True)))
        state.optimiser.step()
        if weighed.slope is not None:
            learned.grad = weighed.slope
            mover.step()
        state.step += 1
        yield dict(zip(names, _shares(weighed.weights, seen).tolist(), strict=True))


def head_on_encoder(job: Job, encoder: GIN) -> TaskGradient:
    """The task's gradient in an encoder that others train, under a head that learns as it goes.

    As in the three-level loop, the head starts at the base rate, learns at the rate of heads, and is not
    asked during the warm-up. The encoder's running statistics stay as they are.
    """
    problem, loop = task_problem(job, encoder), job.budget.reweight.loop
    optimiser = adam(problem.head.parameters(), loop.head_lr, job.compute.device)
    params = parameters(problem)
    batches, _ = labelled_steps(job)

    def at(step: int) -> Tensor | None:
        batch = batches(step)
        with frozen_statistics(encoder):
            loss = problem.loss(problem(batch), batch)
        finite_scalar(loss, "the task")
        found = gradients(loss, params)
        for name, p in problem.head.named_parameters():
            p.grad = found[f"head.{name}"]
        optimiser.step()
        return None if step < loop.warmup else encoder_rows({"the task": found}, params)[0]

    return at


def _look(
    scale: GradientScale,
    values: list[float],
    first: list[float],
    found: Mapping[str, Params],
    params: Params,
    towards: Tensor | None,
) -> Seen:
    """What a rule is shown; the running scale takes in this step's norms."""
    rows = encoder_rows(found, params)
    gram = (rows @ rows.T).double().cpu()
    norms = gram.diagonal().sqrt()
    for name, norm in zip(found, norms.tolist(), strict=True):
        scale.update(name, norm)
    scales = torch.tensor([scale[name] for name in found], dtype=torch.float64)
    cosines = None if towards is None else cosines_with(rows, towards)
    return Seen(torch.tensor(values).double(), torch.tensor(first).double(), scales, gram, cosines)


def _shares(weights: Tensor, seen: Seen) -> Tensor:
    parts = weights * seen.gram.diagonal().sqrt()
    return parts / parts.sum() if parts.sum() > 0 else parts
