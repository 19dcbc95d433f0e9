"""Sizes of samples, and the scores of a finished run with the curves fitted to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Sizes of samples.

    Attributes:
        own: of the task that is scored, rising.
        other: of the task, or of each of the tasks, that may help, rising, above 0.
    """

    own: tuple[int, ...]
    other: tuple[int, ...]


@dataclass(frozen=True)
class TransferConfig:
    """Settings of a run.

    Attributes:
        folds: how many.
        fold_kind: compound or scaffold.
        points: sizes of a task's own samples, and sizes of others'.
        smallest: size of a sample.
        largest: size of a sample.
        confirm: pairs that are trained in full.
        level: of intervals.
        seed: of all random choices.
    """

    folds: int = 5
    fold_kind: str = "compound"
    points: int = 4
    smallest: int = 16
    largest: int = 256
    confirm: int = 6
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Confirmed:
    """A pair trained in full: a network for the helped task alone, and one for both.

    Attributes:
        helped: task that is scored, as its position.
        helper: task whose samples are added, as its position.
        alone: score with the network of its own, float64 [folds].
        together: score with the network of both, float64 [folds].
        gain: mean of the difference over folds.
        low: end of its interval.
        high: end of its interval.
    """

    helped: int
    helper: int
    alone: tuple[float, ...]
    together: tuple[float, ...]
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class TransferRun:
    """A finished run. Scores are ROC-AUC, or R² for numbers: higher is better, 1 at best, NaN where none.

    Attributes:
        data: molecules and tasks.
        config: settings.
        grid: sizes of samples.
        alone: float64 [folds, own, tasks], scores of each task learned from its own samples.
        pairs: float64 [folds, own, other, helped, helper], with samples of one other task;
            NaN on the diagonal.
        context: float64 [folds, own, other, tasks], with samples of all other tasks, up to `other` of each.
        context_samples: float64 [other, tasks], how many these are together, mean over folds.
        fits_alone: EXP3 of each task, None where there are too few scores.
        fits_pairs: EXP3.2 by (helped, helper), for those of enough scores.
        fits_context: EXP3.2 of each task, with all other tasks' samples.
        forms: error of each form in foretelling the largest size, mean over tasks.
        confirmed: pairs that were trained in full.
        seconds: of each step.
    """

    data: TransferData
    config: TransferConfig
    grid: Grid
    alone: Array
    pairs: Array
    context: Array
    context_samples: Array
    fits_alone: tuple[Fit | None, ...]
    fits_pairs: dict[tuple[int, int], Fit]
    fits_context: tuple[Fit | None, ...]
    forms: dict[str, float]
    confirmed: tuple[Confirmed, ...]
    seconds: dict[str, float]
