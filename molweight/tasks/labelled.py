"""The task as a job sees it while it pretrains: a head on an encoder, and labelled batches by step."""

from collections.abc import Callable

import torch

from molweight.encoders.gin import GIN
from molweight.tasks.data import LabelledBatch, Scaler, as_tensor, labelled_batch
from molweight.tasks.job import Job
from molweight.tasks.problems import FinetuneProblem, start_at_base_rate
from molweight.tasks.sampling import step_batch


def task_problem(job: Job, encoder: GIN) -> FinetuneProblem:
    """The encoder itself, not a copy, under a fresh head that predicts each task's mean."""
    inputs = job.budget.finetune.inputs
    problem = FinetuneProblem(encoder, len(job.data.tasks), job.data.kind, job.compute, inputs)
    start_at_base_rate(problem.head, torch.from_numpy(job.data.labels[job.split.train]), job.data.kind)
    problem.fit_scale(job.labelled.store, job.split.train)
    return problem.to(job.compute.device)


def labelled_steps(job: Job) -> tuple[Callable[[int], LabelledBatch], Callable[[int], LabelledBatch]]:
    """From a step to its train and to its validation batch, of the three-level loop's sizes.

    Targets of regression are standardised by the train labels.
    """
    config, device = job.budget.reweight, job.compute.device
    store, scaler = job.labelled.store.to(device), Scaler.of(job.data.labels[job.split.train], job.data.kind)
    labels = torch.from_numpy(scaler.transform(job.data.labels)).to(device)
    learn, judge = as_tensor(job.split.train, device), as_tensor(job.split.valid, device)

    def train(step: int) -> LabelledBatch:
        return labelled_batch(store, labels, step_batch(learn, config.finetune_batch, step, job.seed + 1))

    def valid(step: int) -> LabelledBatch:
        return labelled_batch(store, labels, step_batch(judge, config.valid_batch, step, job.seed + 3))

    return train, valid
