"""Objectives in place of tasks: what is asked, of which molecules, and the scores of a finished run."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.encoders.compute import Compute
from molweight.errors import ConfigError, DataError
from molweight.molecules.files import read_smiles
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.screening.facts import describe
from molweight.solver import LoopConfig
from molweight.solver.draws import mixed_seed
from molweight.tasks.reweight import ReweightConfig
from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Grid, TransferConfig, make_grid
from molweight.transfer.folds import Fold, FoldKind

Array = NDArray[np.float64]
Positions = NDArray[np.int64]

ALL = "all"
SOLVER_STEPS = 60


@dataclass(frozen=True)
class Asked:
    """Molecules of one target, and others without labels.

    Attributes:
        data: labelled molecules, of one task.
        unlabelled: SMILES of others, each once and none of them labelled.
        remarks: what was left out of these.
    """

    data: TransferData
    unlabelled: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectivesConfig:
    """Settings of a run.

    Attributes:
        objectives: their names.
        molecules: numbers of unlabelled molecules; "all" for as many as every fold has, and for larger ones
            beside it.
        folds: how many, two or more.
        fold_kind: compound or scaffold.
        points: sizes of samples of labelled molecules, three or more.
        smallest: labels in the smallest sample.
        largest: labels in the largest sample.
        pretrainings: of each objective with each number of molecules on each fold.
        epochs: passes over the molecules, the same for any number of them.
        batch_size: molecules to a step.
        lr: Adam's learning rate, that of continued pretraining in a benchmark.
        weight_runs: runs of the three-level solver, each validating on another fold.
        reweight: how these are run.
        checkpoint: encoder that everything starts from.
        level: of intervals.
        seed: of all random choices.
    """

    objectives: tuple[str, ...] = DEFAULT_GRAPH_OBJECTIVES
    molecules: tuple[int | str, ...] = (200, 800, ALL)
    folds: int = 5
    fold_kind: FoldKind = "scaffold"
    points: int = 4
    smallest: int = 16
    largest: int = 256
    pretrainings: int = 2
    epochs: int = 3
    batch_size: int = 32
    lr: float = 1e-4
    weight_runs: int = 2
    reweight: ReweightConfig = field(default_factory=lambda: ReweightConfig(LoopConfig(steps=SOLVER_STEPS)))
    checkpoint: str = "molweight_gin"
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        self.scan  # noqa: B018 (its own checks are wanted)
        for name, least in (("pretrainings", 1), ("epochs", 1), ("batch_size", 2), ("weight_runs", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be {least} or more, got {getattr(self, name)}")
        if self.weight_runs > self.folds:
            raise ConfigError(f"weight_runs must be no more than the {self.folds} folds they validate on")

    @property
    def scan(self) -> TransferConfig:
        """What it has in common with a scan of tasks."""
        return TransferConfig(
            folds=self.folds,
            fold_kind=self.fold_kind,
            features="gin",
            points=self.points,
            smallest=self.smallest,
            largest=self.largest,
            confirm=0,
            level=self.level,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Study:
    """What all parts of a run share.

    Attributes:
        asked: molecules.
        config: settings.
        grid: numbers of labelled molecules, and of unlabelled ones in place of another task's.
        compute: device and precision.
    """

    asked: Asked
    config: ObjectivesConfig
    grid: Grid
    compute: Compute


@dataclass(frozen=True)
class Learned:
    """What a run of the three-level solver ended with, by objective: weights, and mean cosines."""

    weights: dict[str, float]
    cosines: dict[str, float]


@dataclass(frozen=True)
class ObjectivesRun:
    """A finished run. Scores are ROC-AUC, or R² for numbers: higher is better, 1 at best, NaN where none.

    Attributes:
        study: what was asked.
        alone: float64 [folds, own], scores with the checkpoint as it is.
        adapted: float64 [folds, own, molecules, objectives, pretrainings], after continued pretraining.
        fits: EXP3.2 of each objective, None where there are too few scores.
        learned: by the solver, a run each.
        seconds: of each step.
    """

    study: Study
    alone: Array
    adapted: Array
    fits: tuple[Fit | None, ...]
    learned: tuple[Learned, ...]
    seconds: dict[str, float]

    @property
    def scores(self) -> Array:
        """Means over pretrainings: float64 [folds, own, molecules, objectives]."""
        return self.adapted.mean(axis=-1)


def with_unlabelled(data: TransferData, file: Path | None, held_back: Sequence[str]) -> Asked:
    """The molecules of a target with those of a file beside.

    Molecules of the file that are labelled are left out, stereochemistry aside: on the folds that may see
    them they are there already.

    Args:
        data: labelled molecules.
        file: of unlabelled ones.
        held_back: SMILES that nothing may be learned from, such as those of a test set.

    Raises:
        DataError: if the file cannot be read, or nothing in it can be used.
    """
    if file is None:
        return Asked(data)
    rows = read_smiles(file)
    facts = [found for found in describe(rows) if not isinstance(found, str)]
    firsts: dict[str, str] = {}
    for found in facts:
        firsts.setdefault(found.flat, found.smiles)
    barred = {*data.flat, *(found.flat for found in describe(held_back) if not isinstance(found, str))}
    kept = [smiles for flat, smiles in firsts.items() if flat not in barred]
    if not kept:
        raise DataError(
            f"{file}: none of {len(rows)} rows is a molecule that is neither labelled nor held back"
        )
    unread, known = len(rows) - len(facts), len(firsts) - len(kept)
    remarks = (
        f"{file.name}: {len(kept):,} unlabelled molecules; {unread:,} rows that are no molecules, "
        f"{len(facts) - len(firsts):,} that came before, and {known:,} molecules that are labelled or held "
        "back are left out",
    )
    return Asked(data, tuple(kept), remarks)


def make_study(asked: Asked, config: ObjectivesConfig, folds: Sequence[Fold], compute: Compute) -> Study:
    """Numbers of labelled and of unlabelled molecules, as far as every fold has them.

    Raises:
        ConfigError: if a number of molecules cannot be.
        DataError: if there are too few labels for samples of three sizes.
    """
    there = min(len(fold.orders[0]) for fold in folds) + len(asked.unlabelled)
    grid = replace(make_grid(asked.data, config.scan), other=_numbers(config, there), context=())
    return Study(asked, config, grid, compute)


def corpus(study: Study, fold: Fold, number: int, pretraining: int) -> list[str]:
    """Molecules that may be pretrained on: none of the fold's test molecules, in an order to take them in.

    Args:
        study: whose molecules these are.
        fold: whose test molecules are left out.
        number: of the fold.
        pretraining: which of several; each has an order of its own.
    """
    labelled = [study.asked.data.smiles[m] for m in np.sort(fold.orders[0])]
    there = [*labelled, *study.asked.unlabelled]
    generator = np.random.default_rng(mixed_seed(study.config.seed, number, pretraining))
    return [there[m] for m in generator.permutation(len(there))]


def _numbers(config: ObjectivesConfig, there: int) -> tuple[int, ...]:
    """Of molecules, rising; `there` is how many every fold has."""
    whole = [int(each) for each in config.molecules if each != ALL]
    if ALL in config.molecules:
        whole = [*(each for each in whole if each < there), there]
    if min(whole, default=0) < config.batch_size:
        raise ConfigError(
            f"--molecules {','.join(map(str, config.molecules))}: give numbers of {config.batch_size} (a "
            f"batch) or more, or {ALL}; every fold has {there:,}"
        )
    if max(whole) > there:
        raise ConfigError(
            f"--molecules {max(whole)}: a fold has {there:,} molecules to pretrain on; give fewer, {ALL}, "
            "or more in a file with --unlabelled"
        )
    return tuple(sorted(set(whole)))
