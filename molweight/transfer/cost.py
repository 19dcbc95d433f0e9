"""What a run will take, told before it begins."""

import time
from collections.abc import Callable, Sequence

import joblib

from molweight.transfer.data import TransferData
from molweight.transfer.designs import TransferConfig, make_grid
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.full import Samples, afresh, train_over_sizes
from molweight.transfer.network import Stage
from molweight.transfer.reference import forest_alone
from molweight.transfer.scan import scan_helper
from molweight.transfer.setting import Setting, make_setting
from molweight.transfer.walk import onwards

TRIED = 4  # tasks, to foresee what all take


def foresee(data: TransferData, config: TransferConfig, jobs: int = -1) -> float:
    """Seconds that the scores take, about: a few of them are made and timed on one fold.

    Args:
        data: molecules and tasks.
        config: settings.
        jobs: processes that the run is spread over.

    Raises:
        DataError: if there are too few labels for the sizes.
    """
    few, tasks = data.best_measured(min(TRIED, len(data.tasks))), len(data.tasks)
    setting = make_setting(few, config, make_grid(data, config))
    fold = make_folds(few, config.fold_kind, config.folds, config.seed)[0]
    made = _closed_form if config.design == "efficient" else _trained
    seconds = made(setting, fold, tasks)
    if config.reference:
        seconds += _timed(lambda: forest_alone(setting, fold)) * tasks / len(few.tasks)
    return seconds * config.folds / joblib.effective_n_jobs(jobs)


def _closed_form(setting: Setting, fold: Fold, tasks: int) -> float:
    """Seconds of one helper, times all of them."""
    a_pair = _timed(lambda: scan_helper(setting, fold, 0)) / (len(setting.data.tasks) - 1)
    return a_pair * tasks * (tasks - 1)


def _trained(setting: Setting, fold: Fold, tasks: int) -> float:
    """Seconds of the largest network of a pair, or of one walk, times all of them."""
    full, grid = setting.config.design == "full", setting.grid
    beside = [(1, fold.orders[1][: grid.other[-1]])]
    plan = _largest if full else onwards
    train_over_sizes(setting, fold, 0, beside, _one_step)  # what is imported at the first step is not timed
    seconds = _timed(lambda: train_over_sizes(setting, fold, 0, beside, plan))
    rows = tasks * (2 + tasks * len(grid.other))  # alone, in its group, with each other, and with all others
    return seconds * rows * (len(grid.own) if full else 1)


def _largest(samples: Sequence[Samples], config: TransferConfig) -> list[list[Stage]]:
    return afresh(samples[-1:], config)


def _one_step(samples: Sequence[Samples], config: TransferConfig) -> list[list[Stage]]:
    return [[Stage(*each, 1)] for each in samples[:1]]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
