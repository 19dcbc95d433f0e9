"""Training steps whose batch size is given with each call."""

import copy
from collections.abc import Callable
from itertools import count

import torch

from molweight.benchmarks.speed.setting import Setting
from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.objectives import graph_objectives
from molweight.solver.draws import mixed_seed
from molweight.solver.steps import pretrain_step
from molweight.solver.weights import GradientScale, uniform_weights
from molweight.tasks.budgets import BUDGETS
from molweight.tasks.data import labelled_batch
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.sampling import step_batch

Step = Callable[[int], None]


def finetune_steps(setting: Setting, store: Store) -> Step:
    """Fine-tuning on molecules drawn from all over the store, with made-up classes."""
    problem = setting.finetune_problem(BUDGETS["standard"].finetune.dropout).train()
    optimiser = torch.optim.Adam(problem.parameters(), fused=True)
    labels = (torch.arange(len(store)) % 2)[:, None].expand(-1, problem.head.out_features).float()
    everything, numbers = torch.arange(len(store)), count()

    def step(size: int) -> None:
        batch = labelled_batch(store, labels, step_batch(everything, size, next(numbers), setting.seed))
        loss = problem.loss(problem(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def pretrain_steps(setting: Setting, store: Store) -> Step:
    """Pretraining on all objectives at equal weights."""
    torch.manual_seed(setting.seed)
    width = setting.encoder.width
    problem = PretrainProblem(
        copy.deepcopy(setting.encoder), graph_objectives(width), setting.compute
    ).train()
    optimiser = torch.optim.Adam(problem.parameters(), fused=True)
    weights, scale = uniform_weights(list(problem.objectives)), GradientScale()
    everything, numbers = torch.arange(len(store)), count()

    def step(size: int) -> None:
        number = next(numbers)
        batch = collate(store, step_batch(everything, size, number, setting.seed))
        pretrain_step(problem, optimiser, batch, mixed_seed(setting.seed, number), weights, scale)

    return step
