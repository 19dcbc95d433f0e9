"""Continued pretraining at weights that are given, then fine-tuning: equal, one objective alone, random."""

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from molweight.encoders.gin import GIN
from molweight.molecules.store import Store
from molweight.objectives import graph_objectives
from molweight.solver.weights import uniform_weights
from molweight.tasks.data import unlabelled_molecules
from molweight.tasks.head_fitting import fit_heads
from molweight.tasks.job import Fitted, Job, fine_tuned
from molweight.tasks.pretrain import PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.remarks import format_values

DRAWS = 20


def equal(job: Job) -> Fitted:
    """Continued pretraining on the train molecules with equal weights, then fine-tuning."""
    return at_weights(job, uniform_weights(job.objectives))


def single(job: Job, objective: str) -> Fitted:
    """Continued pretraining on one objective, whether or not it is among the job's, then fine-tuning."""
    return at_weights(job, {objective: 1.0})


def random_weightings(job: Job, draws: int = DRAWS) -> Fitted:
    """The best by validation, after fine-tuning, of weightings drawn at random, uniform over the shares.

    A search for weights at so many times the cost of one weighting; all else is alike in all of them.

    Args:
        job: what to do; its seed draws the weightings.
        draws: how many.
    """
    drawn = np.random.default_rng(job.seed).dirichlet(np.ones(len(job.objectives)), draws)
    tried = (at_weights(job, dict(zip(job.objectives, shares, strict=True))) for shares in drawn.tolist())
    best = max if job.metric.higher_is_better else min
    return best(tried, key=lambda fitted: fitted.valid)


def at_weights(job: Job, weights: dict[str, float]) -> Fitted:
    """Continued pretraining of the checkpoint at these weights of its objectives, then fine-tuning."""
    state = start_pretraining(job, tuple(weights))
    config = job.budget.continued_pretraining(job.seed)
    store, molecules = unlabelled(job, weights)
    for losses in pretrain(state, store, molecules, weights, config, job.ranks):
        job.advance(state.step, config.steps, format_values(losses, 2))
    return fine_tuned(state.problem.encoder, job, weights)


def start_pretraining(job: Job, objectives: tuple[str, ...]) -> PretrainState:
    """A copy of the checkpoint with heads of these objectives, fitted to it as the budget says."""
    torch.manual_seed(job.seed)
    encoder: GIN = copy.deepcopy(job.checkpoint)
    heads, settings = graph_objectives(encoder.width, objectives), job.budget.reweight
    problem = PretrainProblem(encoder, heads, job.compute, settings.shared_view)
    store, molecules = unlabelled(job, objectives)
    fit_heads(
        problem.to(job.compute.device),
        store,
        molecules,
        settings.head_steps,
        settings.pretrain_batch,
        job.seed,
    )
    return PretrainState.start(problem, job.budget.continued_pretraining(job.seed))


def unlabelled(job: Job, objectives: Iterable[str]) -> tuple[Store, Tensor]:
    """What the job pretrains these objectives on, as `unlabelled_molecules`."""
    return unlabelled_molecules(job.data, job.split.train, job.corpus, objectives, job.compute.device)
