"""Pairs that the curves point at, trained in full: one network for the helped task, and one for both."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Confirmed, Grid
from molweight.transfer.features import Features
from molweight.transfer.folds import Fold
from molweight.transfer.gains import over_folds
from molweight.transfer.network import NetworkConfig, sampled_labels, train_network
from molweight.transfer.scoring import score_task

Array = NDArray[np.float64]
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


def confirm_pair(
    data: TransferData,
    features: Features,
    folds: Sequence[Fold],
    grid: Grid,
    pair: Pair,
    config: NetworkConfig,
    level: float,
    seed: int,
) -> Confirmed:
    """Train with and without the helper's samples on every fold.

    The helped task has samples of the second size of the grid, and the helper of the largest that it has.

    Args:
        data: molecules and labels.
        features: of the molecules.
        folds: of the samples.
        grid: sizes.
        pair: the helped task and the helper.
        config: of the networks.
        level: of the gain's interval over folds.
        seed: of the networks.
    """
    alone, together = np.array(
        [_train_both(data, features, fold, grid, pair, config, seed) for fold in folds]
    ).T
    gain = over_folds((together - alone)[:, None], level)
    ends = (float(values[0]) for values in (gain.mean, gain.low, gain.high))
    return Confirmed(*pair, tuple(alone), tuple(together), *ends)


def _train_both(
    data: TransferData,
    features: Features,
    fold: Fold,
    grid: Grid,
    pair: Pair,
    config: NetworkConfig,
    seed: int,
) -> tuple[float, float]:
    helped, helper = pair
    own, test = fold.orders[helped][: grid.own[1]], fold.tests[helped]
    other = fold.orders[helper][: grid.other[-1]]
    scores = []
    for samples in ([(helped, own)], [(helped, own), (helper, other)]):
        molecules, labels = sampled_labels(data.labels, samples)
        predicted = train_network(
            features.values[molecules], labels, features.values[test], data.kind, config, seed
        )
        truth = data.labels[test, helped].astype(np.float64)
        scores.append(score_task(data.kind, truth, predicted[:, 0].astype(np.float64)))
    return scores[0], scores[1]
