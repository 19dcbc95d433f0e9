"""A run from molecules to fitted curves, in parts that are kept as soon as they are done."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

import molweight
from molweight.reports.progress import progress_bar
from molweight.run_folder import RunFolder
from molweight.transfer.by_parts import do_parts as _work
from molweight.transfer.by_parts import in_parallel as _parallel
from molweight.transfer.confirm import confirm_pair, pairs_to_confirm
from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Confirmed, TransferConfig, TransferRun, make_grid
from molweight.transfer.features import make_features
from molweight.transfer.fitting import compare_on_tasks, fit_alone, fit_with_others
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.scan import Setting, scan_alone, scan_context, scan_helper

Array = NDArray[np.float64]
Fits = tuple[tuple[Fit | None, ...], dict[tuple[int, int], Fit], tuple[Fit | None, ...]]
TRIED = 4  # tasks, to foresee what all take
Job = tuple[str, Callable[..., Any], tuple[Any, ...]]  # name of the part, function, arguments


def run_transfer(data: TransferData, config: TransferConfig, kept: RunFolder, jobs: int = -1) -> TransferRun:
    """Scan, fit, and confirm. Parts that are in the folder already are not done again.

    Args:
        data: molecules and tasks.
        config: settings.
        kept: folder of finished parts, begun by the caller.
        jobs: processes; -1 for one on each core.

    Raises:
        DataError: if there are too few labels for the sizes, or a kept part is damaged.
        FloatingPointError: if a network's training fails.
    """
    seconds: dict[str, float] = {}
    folds = make_folds(data, config.fold_kind, config.folds, config.seed)
    with _timed(seconds, "features"):
        setting = Setting(data, make_features(data.smiles, config.features), make_grid(data, config))
    with _timed(seconds, "scan"):
        alone, pairs, context, samples = _scan(setting, folds, kept, jobs)
    with _timed(seconds, "curves"):
        fits = _fit(setting, alone, pairs, context, samples, config.level, jobs)
    with _timed(seconds, "confirm"):
        confirmed = _confirm(setting, folds, config, fits[1], kept, jobs)
    forms = compare_on_tasks(setting.grid, alone)
    return TransferRun(
        data, config, setting.grid, alone, pairs, context, samples, *fits, forms, confirmed, seconds
    )


def identity(data: TransferData, config: TransferConfig) -> dict[str, Any]:
    """What a resumed run must agree on."""
    return {"data": data.digest, **asdict(config), "version": molweight.__version__}


def foresee(data: TransferData, config: TransferConfig, jobs: int = -1) -> float:
    """Seconds that the scan takes, about: those of one helper on one fold, times all of them."""
    few = data.best_measured(min(TRIED, len(data.tasks)))
    setting = Setting(few, make_features(few.smiles, config.features), make_grid(data, config))
    fold = make_folds(few, config.fold_kind, config.folds, config.seed)[0]
    begun = time.perf_counter()
    scan_helper(setting, fold, 0)
    a_pair = (time.perf_counter() - begun) / (len(few.tasks) - 1)
    pairs = len(data.tasks) * (len(data.tasks) - 1)
    return a_pair * pairs * config.folds / joblib.effective_n_jobs(jobs)


def _scan(
    setting: Setting, folds: Sequence[Fold], kept: RunFolder, jobs: int
) -> tuple[Array, Array, Array, Array]:
    tasks = range(len(setting.data.tasks))
    parts: list[Job] = []
    for f, fold in enumerate(folds):
        parts.append((f"{f}-alone", scan_alone, (setting, fold)))
        parts += [(f"{f}-helper-{j}", scan_helper, (setting, fold, j)) for j in tasks]
        parts += [(f"{f}-context-{i}", scan_context, (setting, fold, i)) for i in tasks]
    found = _work(parts, kept, jobs, "scan")
    numbers = range(len(folds))
    alone = np.array([found[f"{f}-alone"] for f in numbers])
    pairs = np.array([[found[f"{f}-helper-{j}"] for j in tasks] for f in numbers])
    context = np.array([[found[f"{f}-context-{i}"][0] for i in tasks] for f in numbers])
    samples = np.array([[found[f"{f}-context-{i}"][1] for i in tasks] for f in numbers])
    return alone, np.moveaxis(pairs, 1, 4), np.moveaxis(context, 1, 3), samples.mean(axis=0).T


def _fit(
    setting: Setting,
    alone: Array,
    pairs: Array,
    context: Array,
    samples: Array,
    level: float,
    jobs: int,
) -> Fits:
    grid, tasks = setting.grid, range(len(setting.data.tasks))
    other = np.array(grid.other, np.float64)
    asked = [(i, j) for i in tasks for j in tasks if i != j]
    calls = [joblib.delayed(fit_alone)(grid, alone[:, :, i], level) for i in tasks]
    calls += [
        joblib.delayed(fit_with_others)(grid, alone[:, :, i], context[:, :, :, i], samples[:, i], level)
        for i in tasks
    ]
    calls += [
        joblib.delayed(fit_with_others)(grid, alone[:, :, i], pairs[:, :, :, i, j], other, level)
        for i, j in asked
    ]
    found: list[Fit | None] = []
    with progress_bar("curves") as advance:
        for fit in _parallel(calls, jobs):
            found.append(fit)
            advance(len(found), len(calls), "")
    count = len(tasks)
    of_pairs = {pair: fit for pair, fit in zip(asked, found[2 * count :], strict=True) if fit is not None}
    return tuple(found[:count]), of_pairs, tuple(found[count : 2 * count])


def _confirm(
    setting: Setting,
    folds: Sequence[Fold],
    config: TransferConfig,
    fits: Mapping[tuple[int, int], Fit],
    kept: RunFolder,
    jobs: int,
) -> tuple[Confirmed, ...]:
    parts: list[Job] = [
        (
            f"confirmed-{pair[0]}-{pair[1]}",
            confirm_pair,
            (
                setting.data,
                setting.features,
                folds,
                setting.grid,
                pair,
                config.network,
                config.level,
                config.seed,
            ),
        )
        for pair in pairs_to_confirm(fits, config.confirm)
    ]
    found = _work(parts, kept, jobs, "full training")
    return tuple(_confirmed(found[name]) for name, _, _ in parts)


def _confirmed(found: dict[str, Any]) -> Confirmed:
    scores = {name: tuple(found[name]) for name in ("alone", "together")}
    return Confirmed(**{**found, **scores})


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - begun
