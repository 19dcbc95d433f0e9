"""Ways to tell whether samples of one task help another, each with what it costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.transfer_families import TASKS
from molweight.transfer.confirm import transfers
from molweight.transfer.designs import Grid
from molweight.transfer.fitting import fit_with_others
from molweight.transfer.folds import Fold
from molweight.transfer.gains import Gains, over_folds, pair_gains
from molweight.transfer.network import NetworkConfig, sampled_labels, train_network
from molweight.transfer.network_stack import Lesson, train_stack
from molweight.transfer.scan import scan_alone, scan_helper
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import Setting
from molweight.transfer.tag import TagConfig, affinities

GRID = Grid((16, 32, 64), (64, 160), (160,))
FOLDS = 5
NETWORK = NetworkConfig(steps=120, width=64, dropout=0.0, lr=5e-3)
TAG = TagConfig(steps=100)
PAIRS = tuple(permutations(range(TASKS), 2))  # (helped, helper)
EFFICIENT, FULL, TAG_NAME = "efficient curves, gain", "full curves, gain", "TAG"

Array = NDArray[np.float64]
Samples = Sequence[tuple[int, NDArray[np.int64]]]  # tasks with molecules; the first is scored


@dataclass(frozen=True)
class Verdicts:
    """What one method says of all pairs of a data set, in the order of `PAIRS`.

    Attributes:
        signs: 1 helps, -1 harms, 0 cannot be told.
        values: what it estimates, the larger the more help; NaN where it has no estimate.
        seconds: of a processor.
        networks: trained.
    """

    signs: tuple[int, ...]
    values: tuple[float, ...]
    seconds: float
    networks: int


def efficient(setting: Setting, folds: Sequence[Fold], rates: bool) -> dict[str, Verdicts]:
    """By curves of the closed form: of their gain, and of their fitted rate where that is asked for."""
    begun = time.process_time()
    alone = np.stack([scan_alone(setting, fold) for fold in folds])
    helpers = [np.stack([scan_helper(setting, fold, j) for j in range(TASKS)], axis=-1) for fold in folds]
    return _by_curves("efficient", alone, np.stack(helpers), time.process_time() - begun, 0, rates)


def full(setting: Setting, folds: Sequence[Fold], rates: bool) -> dict[str, Verdicts]:
    """As `efficient`, by curves of networks trained afresh at every point."""
    begun = time.process_time()
    own, other = setting.grid.own, setting.grid.other
    alone = np.full((len(folds), len(own), TASKS), np.nan)
    pairs = np.full((len(folds), len(own), len(other), TASKS, TASKS), np.nan)
    helped, helper = np.array(PAIRS).T
    for f, fold in enumerate(folds):
        of_one = [[(i, fold.orders[i][:n])] for n in own for i in range(TASKS)]
        of_two = _of_two(setting.grid, fold)
        alone[f] = np.reshape(_trained(setting, fold, of_one), alone[f].shape)
        scores = _trained(setting, fold, of_two)
        pairs[f][:, :, helped, helper] = np.reshape(scores, (len(own), len(other), len(PAIRS)))
    networks = len(folds) * (len(of_one) + len(of_two))
    return _by_curves("full", alone, pairs, time.process_time() - begun, networks, rates)


def seconds_apart(setting: Setting, fold: Fold) -> float:
    """Processor seconds of a network of two tasks that is trained by itself, mean over some of a fold's."""
    lessons = _lessons(setting, fold, _of_two(setting.grid, fold)[::5])
    begun = time.process_time()
    for each in lessons:
        train_network(each.features, each.labels, each.test, setting.data.kind, NETWORK, 0)
    return (time.process_time() - begun) / len(lessons)


def tag(setting: Setting, folds: Sequence[Fold]) -> dict[str, Verdicts]:
    """By affinities with an interval over trainings that each leave one fold out."""
    return {TAG_NAME: _by_affinities(setting, folds, TAG)}


def tag_of_equal_steps(setting: Setting, folds: Sequence[Fold]) -> dict[str, Verdicts]:
    """As `tag`, with more molecules to a step, of as many labels of each task as where all are measured."""
    measured = float((~np.isnan(setting.data.labels)).mean())
    wide = replace(TAG, batch=round(TAG.batch / measured))
    return {f"{TAG_NAME}, equal labels a step": _by_affinities(setting, folds, wide)}


def _by_affinities(setting: Setting, folds: Sequence[Fold], config: TagConfig) -> Verdicts:
    begun = time.process_time()
    found = []
    for seed, fold in enumerate(folds):
        train = np.unique(np.concatenate(fold.orders))
        features, labels = setting.features.values[train], setting.data.labels[train]
        found.append(affinities(features, labels, setting.data.kind, config, seed))
    return _by_gains(over_folds(np.stack(found)), time.process_time() - begun, len(folds))


def _by_curves(
    name: str, alone: Array, pairs: Array, seconds: float, networks: int, rates: bool
) -> dict[str, Verdicts]:
    """By the interval of the gain, and by that of the rate of a curve."""
    found = {f"{name} curves, gain": _by_gains(pair_gains(alone, pairs), seconds, networks)}
    if rates:
        begun = time.process_time()
        signs, values = zip(*(_by_rate(alone[:, :, i], pairs[:, :, :, i, j]) for i, j in PAIRS), strict=True)
        fitting = time.process_time() - begun
        found[f"{name} curves, rate"] = Verdicts(signs, values, seconds + fitting, networks)
    return found


def _by_rate(alone: Array, with_other: Array) -> tuple[int, float]:
    """Sign and value of the rate of one pair's curve."""
    fit = fit_with_others(GRID, alone, with_other, np.array(GRID.other, np.float64), 0.95)
    return (0, float("nan")) if fit is None else (transfers(fit), fit.parameters["a_other"].value)


def _by_gains(gains: Gains, seconds: float, networks: int) -> Verdicts:
    """Whether the interval lies above or below 0."""
    signs = tuple(int(gains.low[pair] > 0) - int(gains.high[pair] < 0) for pair in PAIRS)
    return Verdicts(signs, tuple(float(gains.mean[pair]) for pair in PAIRS), seconds, networks)


def _of_two(grid: Grid, fold: Fold) -> list[Samples]:
    """The points of the curves of all pairs, by own size, other size and pair."""
    orders = fold.orders
    return [[(i, orders[i][:n]), (j, orders[j][:m])] for n in grid.own for m in grid.other for i, j in PAIRS]


def _lessons(setting: Setting, fold: Fold, points: Sequence[Samples]) -> list[Lesson]:
    features, lessons = setting.features.values, []
    for samples in points:
        molecules, labels = sampled_labels(setting.data.labels, samples)
        lessons.append(Lesson(features[molecules], labels, features[fold.tests[samples[0][0]]]))
    return lessons


def _trained(setting: Setting, fold: Fold, points: Sequence[Samples]) -> list[float]:
    """Scores of networks, one for each point of a curve, all in one stack."""
    data, scores = setting.data, []
    stacked = train_stack(_lessons(setting, fold, points), data.kind, NETWORK, 0)
    for samples, predicted in zip(points, stacked, strict=True):
        task = samples[0][0]
        truth = data.labels[fold.tests[task], task].astype(np.float64)
        scores.append(score_task(data.kind, truth, predicted[:, 0].astype(np.float64)))
    return scores
