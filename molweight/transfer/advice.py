"""Which tasks to learn together, and what that gains over a model for each and over one for all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.data import TransferData
from molweight.transfer.designs import TransferRun
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.gains import Gains, context_gains, over_folds, over_sizes, pair_gains
from molweight.transfer.grouping import Groups, best_grouping, member_gains
from molweight.transfer.parts import PARTS
from molweight.transfer.setting import Setting, make_setting
from molweight.transfer.tag import affinities

MOST_TAG = 50  # tasks: a step of training looks ahead for each

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Advice:
    """Gains of pairs and of all, and a grouping. Gains are of the score, mean over a task's own sizes.

    Attributes:
        pairs: from the largest sample of one other task, [helped, helper].
        everyone: from the largest sample of all other tasks together, [tasks].
        groups: tasks to learn together.
        expected: mean of the gains from the other members of its group, [tasks].
        over_own: measured gain of the groups over a model for each task, [tasks].
        over_everyone: measured gain of the groups over one model for all, [tasks].
        affinities: of TAG, [helped, helper], over trainings that leave a fold out; None past `MOST_TAG`.
    """

    pairs: Gains
    everyone: Gains
    groups: Groups
    expected: Array
    over_own: Gains
    over_everyone: Gains
    affinities: Gains | None


def advise(run: TransferRun) -> Advice:
    """Group the tasks by the gains that are told from 0, and learn the groups on the same folds.

    The groups are chosen and measured on the same molecules, so that what is measured is somewhat too good.
    """
    config = run.config
    setting = make_setting(run.data, config, run.grid)
    folds = make_folds(run.data, config.fold_kind, config.folds, config.seed)
    pairs = pair_gains(run.alone, run.pairs, config.level)
    groups = best_grouping(np.where(pairs.named, pairs.mean, 0.0))
    grouped = _learn_groups(run, setting, folds, groups)
    return Advice(
        pairs,
        context_gains(run.alone, run.context, config.level),
        groups,
        member_gains(np.nan_to_num(pairs.mean), groups),
        over_folds(over_sizes(grouped - run.alone), config.level),
        over_folds(over_sizes(grouped - run.context[:, :, -1]), config.level),
        _affinities(setting, folds, config.level) if len(run.data.tasks) <= MOST_TAG else None,
    )


def _learn_groups(run: TransferRun, setting: Setting, folds: Sequence[Fold], groups: Groups) -> Array:
    """Scores of each task with samples of the other members of its group: [folds, own, tasks].

    These are the largest of each, and together no more than those of one model for all.
    """
    scores, learn = run.alone.copy(), PARTS[run.config.design].context
    for group in groups:
        most = min(run.grid.other[-1] * (len(group) - 1), run.grid.context[-1])
        grid = replace(run.grid, context=(most,))
        part = replace(setting, data=_of_tasks(run, group), grid=grid)
        for f, fold in enumerate(folds if len(group) > 1 else ()):
            for place, task in enumerate(group):
                scores[f, :, task] = learn(part, _of_fold(fold, group), place)[0][:, 0]
    return scores


def _affinities(setting: Setting, folds: Sequence[Fold], level: float) -> Gains:
    found = []
    for number, fold in enumerate(folds):
        train = np.unique(np.concatenate(fold.orders))
        features, labels = setting.features.values[train], setting.data.labels[train]
        found.append(affinities(features, labels, setting.data.kind, seed=number))
    return over_folds(np.stack(found), level)


def _of_tasks(run: TransferRun, group: Sequence[int]) -> TransferData:
    data = run.data
    return replace(data, labels=data.labels[:, list(group)], tasks=tuple(data.tasks[t] for t in group))


def _of_fold(fold: Fold, group: Sequence[int]) -> Fold:
    return Fold(tuple(fold.orders[t] for t in group), tuple(fold.tests[t] for t in group))
