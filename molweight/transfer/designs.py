"""Sizes of samples, and the scores of a finished run with the curves fitted to them."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from molweight.errors import ConfigError, DataError
from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData
from molweight.transfer.features import FeatureKind
from molweight.transfer.folds import FoldKind
from molweight.transfer.gin_network import GinConfig
from molweight.transfer.network import NetworkConfig

Array = NDArray[np.float64]

Design = Literal["efficient", "full", "walk"]
LearnerKind = Literal["mlp", "gin"]

CONTEXT = 4  # samples of all other tasks together, for one of a single other task


@dataclass(frozen=True)
class Grid:
    """Sizes of samples.

    Attributes:
        own: of the task that is scored, rising.
        other: of one task that may help, rising, above 0.
        context: of all other tasks together, in even parts, rising.
    """

    own: tuple[int, ...]
    other: tuple[int, ...]
    context: tuple[int, ...]


@dataclass(frozen=True)
class WalkConfig:
    """Steps of the walk.

    Attributes:
        first: at the smallest sample, as a share of a full training's.
        more: after each increment, likewise.
    """

    first: float = 0.2
    more: float = 0.07

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0 < share <= 1:
                raise ConfigError(f"{name} of the walk must be above 0 and at most 1, got {share}")


@dataclass(frozen=True)
class TransferConfig:
    """Settings of a run.

    Attributes:
        folds: how many, two or more.
        fold_kind: compound or scaffold.
        features: ecfp4 or gin, of the closed-form learner.
        points: sizes of a task's own samples, three or more.
        smallest: size of a sample.
        largest: size of a sample.
        confirm: pairs that are trained in full, where the design does not train all of them so.
        network: how, where the learner is mlp.
        level: of intervals.
        seed: of all random choices.
        design: efficient (in closed form), full (a network at every point), or walk (networks that go from
            size to size).
        learner: what is trained, mlp on the features or the whole pretrained gin.
        gin: how, where the learner is gin.
        walk: steps of the walk.
        reference: whether a random forest learns each task alone too.
    """

    folds: int = 5
    fold_kind: FoldKind = "compound"
    features: FeatureKind = "ecfp4"
    points: int = 5
    smallest: int = 16
    largest: int = 256
    confirm: int = 6
    network: NetworkConfig = field(default_factory=NetworkConfig)
    level: float = 0.95
    seed: int = 0
    design: Design = "efficient"
    learner: LearnerKind = "mlp"
    gin: GinConfig = field(default_factory=GinConfig)
    walk: WalkConfig = field(default_factory=WalkConfig)
    reference: bool = True

    def __post_init__(self) -> None:
        checks = (
            (self.folds >= 2, f"folds must be 2 or more, got {self.folds}"),
            (self.points >= 3, f"points must be 3 or more, got {self.points}"),
            (self.smallest >= 4, f"the smallest sample must be 4 or more, got {self.smallest}"),
            (
                self.largest >= 2 * self.smallest,
                f"the largest sample must be {2 * self.smallest} or more, twice "
                f"the smallest, got {self.largest}",
            ),
            (0 < self.level < 1, f"the level of intervals must lie between 0 and 1, got {self.level}"),
            (self.confirm >= 0, f"confirm must be 0 or more, got {self.confirm}"),
        )
        for holds, text in checks:
            if not holds:
                raise ConfigError(text)


def make_grid(data: TransferData, config: TransferConfig) -> Grid:
    """Sizes in even steps of their logarithm, up to what half the tasks can be sampled in every fold.

    Other tasks have every second of these sizes, the largest among them.

    Raises:
        DataError: if tasks have too few labels for samples of three sizes.
    """
    train = float(np.median(data.measured)) * (1 - 1 / config.folds)
    top = min(config.largest, int(0.9 * train))
    bottom = min(config.smallest, max(top // 4, 4))
    own = tuple(np.unique(np.geomspace(bottom, max(top, bottom), config.points).round().astype(int)).tolist())
    if len(own) < 3:
        raise DataError(
            f"{data.source}: half the tasks have {int(np.median(data.measured))} labels or fewer, too few "
            "for samples of three sizes; leave these tasks out with --tasks"
        )
    other = own[::-1][::2][::-1]
    return Grid(own, other, tuple(CONTEXT * m for m in other))


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
        context: float64 [folds, own, context, tasks], with samples of all other tasks together.
        context_samples: float64 [context, tasks], how many these were, mean over folds.
        fits_alone: EXP3 of each task, None where there are too few scores.
        fits_pairs: EXP3.2 by (helped, helper), for those of enough scores.
        fits_context: EXP3.2 of each task, with all other tasks' samples.
        forms: error of each form in foretelling the largest size, mean over tasks.
        confirmed: pairs that were trained in full.
        seconds: of each step.
        reference: float64 [folds, own, tasks], scores of a random forest for each task alone, or None.
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
    reference: Array | None = None
