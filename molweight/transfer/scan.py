"""The efficient design: every pair of tasks, and each task with all others, over sizes of samples.

One part of the work is one fold and one helper, which is prepared once for all the tasks that it may help.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.closed_form import Help, Helper, learn, standardised
from molweight.transfer.data import TransferData
from molweight.transfer.folds import Fold
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import Setting

Array = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class _Task:
    """The task that is helped, on one fold: its samples at the largest size, and kernels among them.

    Attributes:
        own: its train molecules, int64 [largest].
        test: its test molecules, int64 [test].
        kernel: float64 [largest, largest].
        to_test: float64 [test, largest].
        labels: float64 [largest].
        truth: float64 [test].
    """

    own: Positions
    test: Positions
    kernel: Array
    to_test: Array
    labels: Array
    truth: Array


def scan_alone(setting: Setting, fold: Fold) -> Array:
    """Scores of each task learned from its own samples: [own, tasks]."""
    scores = [
        _over_sizes(setting, _task(setting, fold, i), lambda task, n: None)
        for i in range(len(setting.data.tasks))
    ]
    return np.stack(scores, axis=1)


def scan_helper(setting: Setting, fold: Fold, helper: int) -> Array:
    """Scores of each task with samples of one other: [own, other, tasks], NaN for the helper itself."""
    sizes, order = setting.grid.other, fold.orders[helper]
    prepared = {m: _prepare(setting, order[:m], helper) for m in sizes if m <= len(order)}
    found = np.full((len(setting.grid.own), len(sizes), len(setting.data.tasks)), np.nan)
    for i in range(len(setting.data.tasks)):
        if i == helper:
            continue
        task = _task(setting, fold, i)
        own = setting.features.kernel(order[: sizes[-1]], task.own)
        test = setting.features.kernel(order[: sizes[-1]], task.test)
        for place, m in enumerate(sizes):
            if m in prepared:
                found[:, place, i] = _over_sizes(setting, task, _helping(prepared[m], own[:m], test[:m]))
    return found


def scan_context(setting: Setting, fold: Fold, helped: int) -> tuple[Array, Array]:
    """Scores of a task with samples of all others: [own, other], and how many these were: [other]."""
    task = _task(setting, fold, helped)
    found, counts = [], []
    for total in setting.grid.context:
        molecules, labels, weights = pooled(setting.data, fold, helped, total)
        root = np.sqrt(weights)[:, None]
        kernel = root * setting.features.kernel(molecules, molecules) * root.T
        helper = Helper.of(kernel, root[:, 0] * labels)
        own = root * setting.features.kernel(molecules, task.own)
        test = root * setting.features.kernel(molecules, task.test)
        found.append(_over_sizes(setting, task, _helping(helper, own, test)))
        counts.append(float(weights.sum()))
    return np.stack(found, axis=1), np.array(counts)


def pooled(data: TransferData, fold: Fold, helped: int, total: int) -> tuple[Positions, Array, Array]:
    """All other tasks as one: each molecule with the mean of its standardised labels.

    A molecule of w labels counts as one measured w times, with a wth of the noise.

    Args:
        data: molecules and labels.
        fold: of the samples.
        helped: task that is left out.
        total: samples, about, in even parts of the other tasks.

    Returns:
        Molecules int64 [n], labels [n] and weights [n], the number of labels of each.
    """
    others = [j for j in range(len(data.tasks)) if j != helped]
    each = max(1, round(total / len(others)))
    sums, counts = np.zeros(len(data.smiles)), np.zeros(len(data.smiles))
    for j in others:
        chosen = fold.orders[j][:each]
        sums[chosen] += standardised(data.labels[chosen, j].astype(np.float64))
        counts[chosen] += 1
    molecules = np.flatnonzero(counts)
    return molecules, sums[molecules] / counts[molecules], counts[molecules]


def _task(setting: Setting, fold: Fold, i: int) -> _Task:
    own, test = fold.orders[i][: setting.grid.own[-1]], fold.tests[i]
    labels = setting.data.labels[:, i].astype(np.float64)
    kernel = setting.features.kernel
    return _Task(own, test, kernel(own, own), kernel(test, own), labels[own], labels[test])


def _prepare(setting: Setting, molecules: Positions, task: int) -> Helper:
    labels = standardised(setting.data.labels[molecules, task].astype(np.float64))
    return Helper.of(setting.features.kernel(molecules, molecules), labels)


def _helping(helper: Helper, own: Array, test: Array) -> Callable[[_Task, int], Help | None]:
    return lambda task, n: Help(helper, own[:, :n], test)


def _over_sizes(setting: Setting, task: _Task, help: Callable[[_Task, int], Help | None]) -> Array:
    """Scores at each size of the task's own samples, NaN where it has not so many: [own]."""
    found = np.full(len(setting.grid.own), np.nan)
    for place, n in enumerate(setting.grid.own):
        if n <= len(task.own) and len(task.test):
            predicted = learn(task.kernel[:n, :n], task.to_test[:, :n], task.labels[:n], help(task, n)).values
            found[place] = score_task(setting.data.kind, task.truth, predicted)
    return found
