"""The designs that train networks: every point of the grid has one that has learned from just its samples.

Each task alone, each with each other, and each with all others, over sizes of samples. The full design trains
every network afresh, the walk takes one from size to size (see `walk`); a plan says which.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.designs import TransferConfig
from molweight.transfer.folds import Fold
from molweight.transfer.learners import full_steps, learn_in_stages
from molweight.transfer.network import Labels, Positions, Stage, sampled_labels
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import Setting

Array = NDArray[np.float64]
Samples = tuple[Positions, Labels]  # molecules, and labels [samples, tasks]
Plan = Callable[[Sequence[Samples], TransferConfig], list[list[Stage]]]


def afresh(samples: Sequence[Samples], config: TransferConfig) -> list[list[Stage]]:
    """The plan of the full design: a network for each sample."""
    return [[Stage(*each, full_steps(config))] for each in samples]


def train_alone(setting: Setting, fold: Fold, plan: Plan = afresh) -> Array:
    """Scores of each task learned from its own samples: [own, tasks]."""
    tasks = range(len(setting.data.tasks))
    return np.stack([train_over_sizes(setting, fold, i, (), plan) for i in tasks], axis=1)


def train_helper(setting: Setting, fold: Fold, helper: int, plan: Plan = afresh) -> Array:
    """Scores of each task with samples of one other: [own, other, tasks], NaN for the helper itself."""
    sizes, order = setting.grid.other, fold.orders[helper]
    found = np.full((len(setting.grid.own), len(sizes), len(setting.data.tasks)), np.nan)
    for place, m in enumerate(sizes):
        if m > len(order):
            continue
        for i in range(len(setting.data.tasks)):
            if i != helper:
                found[:, place, i] = train_over_sizes(setting, fold, i, [(helper, order[:m])], plan)
    return found


def train_context(setting: Setting, fold: Fold, helped: int, plan: Plan = afresh) -> tuple[Array, Array]:
    """Scores of a task with samples of all others: [own, context], and how many these were: [context]."""
    others = [j for j in range(len(setting.data.tasks)) if j != helped]
    found, counts = [], []
    for total in setting.grid.context:
        each = max(1, round(total / len(others)))
        beside = [(j, fold.orders[j][:each]) for j in others]
        found.append(train_over_sizes(setting, fold, helped, beside, plan))
        counts.append(float(sum(len(chosen) for _, chosen in beside)))
    return np.stack(found, axis=1), np.array(counts)


def train_over_sizes(
    setting: Setting, fold: Fold, helped: int, beside: Sequence[tuple[int, Positions]], plan: Plan
) -> Array:
    """Scores of one task at each size of its own samples, NaN where it has not so many: [own].

    Args:
        setting: of the run.
        fold: of the samples.
        helped: task that is scored.
        beside: other tasks with their samples.
        plan: of training.
    """
    order, test = fold.orders[helped], fold.tests[helped]
    found = np.full(len(setting.grid.own), np.nan)
    sizes = [n for n in setting.grid.own if n <= len(order)] if len(test) else []
    samples = [sampled_labels(setting.data.labels, [(helped, order[:n]), *beside]) for n in sizes]
    truth = setting.data.labels[test, helped].astype(np.float64)
    predicted = [
        each for run in plan(samples, setting.config) for each in learn_in_stages(setting, run, test)
    ]
    for place, values in enumerate(predicted):
        found[place] = score_task(setting.data.kind, truth, values[:, 0].astype(np.float64))
    return found
