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

ENOUGH_FOLDS = 4  # below, those that are left without one hardly tell a gain from 0
MOST_TAG = 50  # tasks: a step of training looks ahead for each

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Gain of groups over another way to learn, each fold with groups that were chosen without it.

    Attributes:
        tasks: of each task, [tasks].
        mean: over all tasks, [].
    """

    tasks: Gains
    mean: Gains


@dataclass(frozen=True)
class Advice:
    """Gains of pairs and of all, and a grouping. Gains are of the score, mean over a task's own sizes.

    Attributes:
        pairs: from the largest sample of one other task, [helped, helper].
        everyone: from the largest sample of all other tasks together, [tasks].
        groups: tasks to learn together, chosen by the gains on all folds.
        expected: mean of the gains from the other members of its group, [tasks].
        over_own: measured gain of groups over a model for each task.
        over_everyone: measured gain of groups over one model for all.
        alike: folds for which the gains on all others choose `groups`, too.
        affinities: of TAG, [helped, helper], over trainings that leave a fold out; None past `MOST_TAG`.
    """

    pairs: Gains
    everyone: Gains
    groups: Groups
    expected: Array
    over_own: Measured
    over_everyone: Measured
    alike: int
    affinities: Gains | None


def advise(run: TransferRun) -> Advice:
    """Group the tasks by the gains that are told from 0, and measure what groups so chosen gain.

    The groups are chosen on all folds. What they gain is measured on each fold with groups that the others
    choose, so that no group is judged by the scores that made it. As these are chosen on one fold fewer,
    they are, if anything, somewhat worse than the groups advised.
    """
    config = run.config
    setting = make_setting(run.data, config, run.grid)
    folds = make_folds(run.data, config.fold_kind, config.folds, config.seed)
    pairs = pair_gains(run.alone, run.pairs, config.level)
    groups, chosen = choose_groups(run.alone, run.pairs, config.level), _chosen_without_each(run)
    grouped = learn_groups(run, setting, folds, chosen)
    return Advice(
        pairs,
        context_gains(run.alone, run.context, config.level),
        groups,
        member_gains(np.nan_to_num(pairs.mean), groups),
        _measured(grouped - run.alone, config.level),
        _measured(grouped - run.context[:, :, -1], config.level),
        chosen.count(groups),
        _affinities(setting, folds, config.level) if len(run.data.tasks) <= MOST_TAG else None,
    )


def how_measured(alike: int, folds: int) -> str:
    """A sentence on what the measured gains of groups are of.

    Args:
        alike: folds for which the others choose the groups advised.
        folds: of the run.
    """
    told = (
        "Gains were measured on each fold for groups chosen by the gains on the others, which were the "
        f"groups advised in {alike} of {folds} folds."
    )
    few = " So few folds hardly tell any gain from 0, and where tasks were left alone nothing is gained."
    return told + few if folds < ENOUGH_FOLDS else told


def choose_groups(alone: Array, pairs: Array, level: float) -> Groups:
    """The best grouping by the gains that are told from 0, of scores as `pair_gains` takes them.

    Where there are too few folds to tell a gain from 0, each task is alone.
    """
    gains = pair_gains(alone, pairs, level)
    return best_grouping(np.where(gains.named, gains.mean, 0.0))


def learn_groups(
    run: TransferRun, setting: Setting, folds: Sequence[Fold], chosen: Sequence[Groups]
) -> Array:
    """Scores of each task with samples of the other members of its group: [folds, own, tasks].

    These are the largest of each, and together no more than those of one model for all.

    Args:
        run: scores of the tasks alone, which are those of groups of one.
        setting: of the run.
        folds: of the run.
        chosen: groups, for each fold.
    """
    scores = run.alone.copy()
    for f, (fold, groups) in enumerate(zip(folds, chosen, strict=True)):
        for group in groups:
            if len(group) > 1:
                scores[f][:, list(group)] = _learn_group(run, setting, fold, group)
    return scores


def _chosen_without_each(run: TransferRun) -> list[Groups]:
    """For each fold, the groups by the gains on the others."""
    return [
        choose_groups(np.delete(run.alone, f, 0), np.delete(run.pairs, f, 0), run.config.level)
        for f in range(len(run.alone))
    ]


def _learn_group(run: TransferRun, setting: Setting, fold: Fold, group: Sequence[int]) -> Array:
    """Scores of the members on one fold, [own, members]."""
    most = min(run.grid.other[-1] * (len(group) - 1), run.grid.context[-1])
    part = replace(setting, data=_of_tasks(run, group), grid=replace(run.grid, context=(most,)))
    places, of_group, learn = range(len(group)), _of_fold(fold, group), PARTS[run.config.design].context
    return np.stack([learn(part, of_group, place)[0][:, 0] for place in places], axis=1)


def _measured(differences: Array, level: float) -> Measured:
    """Of differences [folds, own, tasks]."""
    of_tasks = over_sizes(differences)
    return Measured(over_folds(of_tasks, level), over_folds(over_sizes(of_tasks), level))


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
