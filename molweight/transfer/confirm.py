"""Pairs that the curves point at, trained in full: one network for the helped task, and one for both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from molweight.transfer.curves import Fit
from molweight.transfer.designs import Confirmed
from molweight.transfer.folds import Fold
from molweight.transfer.full import afresh, train_over_sizes
from molweight.transfer.gains import over_folds
from molweight.transfer.setting import Setting

Pair = tuple[int, int]


def transfers(fit: Fit) -> int:
    """1 if samples of the other task help, -1 if they harm, 0 if the interval of their rate holds 0."""
    rate = fit.parameters["a_other"]
    return int(rate.identified and rate.low > 0) - int(rate.identified and rate.high < 0)


def pairs_to_confirm(fits: Mapping[Pair, Fit], most: int) -> list[Pair]:
    """Half the pairs that harm most, the others those that help most, by rate over half its interval."""

    def strength(pair: Pair) -> float:
        rate = fits[pair].parameters["a_other"]
        return abs(rate.value) / max(rate.high - rate.low, 1e-12)

    ranked = sorted(fits, key=strength, reverse=True)
    harm = [pair for pair in ranked if transfers(fits[pair]) < 0]
    help = [pair for pair in ranked if transfers(fits[pair]) > 0]
    harmed = harm[: max(most // 2, most - len(help))]
    return help[: most - len(harmed)] + harmed


def confirm_pair(setting: Setting, folds: Sequence[Fold], pair: Pair) -> Confirmed:
    """Train with and without the helper's samples on every fold.

    The helped task has samples of the second size of the grid, and the helper of the largest that it has.

    Args:
        setting: of the run.
        folds: of the samples.
        pair: the helped task and the helper.
    """
    alone, together = np.array([_train_both(setting, fold, pair) for fold in folds]).T
    gain = over_folds((together - alone)[:, None], setting.config.level)
    ends = (float(values[0]) for values in (gain.mean, gain.low, gain.high))
    return Confirmed(*pair, tuple(alone), tuple(together), *ends)


def _train_both(setting: Setting, fold: Fold, pair: Pair) -> tuple[float, float]:
    helped, helper = pair
    grid = setting.grid
    one = replace(setting, grid=replace(grid, own=grid.own[1:2]))
    beside = [(helper, fold.orders[helper][: grid.other[-1]])]
    alone, together = (train_over_sizes(one, fold, helped, each, afresh) for each in ((), beside))
    return float(alone[0]), float(together[0])
