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
from molweight.reports.side_by_side import run_calls
from molweight.run_folder import RunFolder
from molweight.transfer.by_parts import do_parts
from molweight.transfer.confirm import confirm_pair, pairs_to_confirm
from molweight.transfer.curves import Fit
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Confirmed, TransferConfig, TransferRun
from molweight.transfer.fitting import compare_on_tasks, fit_alone, fit_with_others
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.parts import PARTS
from molweight.transfer.reference import forest_alone
from molweight.transfer.setting import Setting, make_setting

Array = NDArray[np.float64]
Fits = tuple[tuple[Fit | None, ...], dict[tuple[int, int], Fit], tuple[Fit | None, ...]]
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
        setting = make_setting(data, config)
    with _timed(seconds, "reference"):
        reference = _reference(setting, folds, kept, jobs) if config.reference else None
    with _timed(seconds, "scan"):
        alone, pairs, context, samples = _scan(setting, folds, kept, jobs)
    with _timed(seconds, "curves"):
        fits = _fit(setting, alone, pairs, context, samples, config.level, jobs)
    with _timed(seconds, "confirm"):
        confirmed = _confirm(setting, folds, fits[1], kept, jobs)
    forms = compare_on_tasks(setting.grid, alone)
    scores = (alone, pairs, context, samples)
    return TransferRun(data, config, setting.grid, *scores, *fits, forms, confirmed, seconds, reference)


def identity(data: TransferData, config: TransferConfig) -> dict[str, Any]:
    """What a resumed run must agree on."""
    return {"data": data.digest, **asdict(config), "version": molweight.__version__}


def _scan(
    setting: Setting, folds: Sequence[Fold], kept: RunFolder, jobs: int
) -> tuple[Array, Array, Array, Array]:
    tasks, design = range(len(setting.data.tasks)), PARTS[setting.config.design]
    parts: list[Job] = []
    for f, fold in enumerate(folds):
        parts.append((f"{f}-alone", design.alone, (setting, fold)))
        parts += [(f"{f}-helper-{j}", design.helper, (setting, fold, j)) for j in tasks]
        parts += [(f"{f}-context-{i}", design.context, (setting, fold, i)) for i in tasks]
    found = do_parts(parts, kept, jobs, "scan")
    numbers = range(len(folds))
    alone = np.array([found[f"{f}-alone"] for f in numbers])
    pairs = np.array([[found[f"{f}-helper-{j}"] for j in tasks] for f in numbers])
    context = np.array([[found[f"{f}-context-{i}"][0] for i in tasks] for f in numbers])
    samples = np.array([[found[f"{f}-context-{i}"][1] for i in tasks] for f in numbers])
    return alone, np.moveaxis(pairs, 1, 4), np.moveaxis(context, 1, 3), samples.mean(axis=0).T


def _reference(setting: Setting, folds: Sequence[Fold], kept: RunFolder, jobs: int) -> Array:
    parts: list[Job] = [(f"{f}-reference", forest_alone, (setting, fold)) for f, fold in enumerate(folds)]
    found = do_parts(parts, kept, jobs, "random forests")
    return np.array([found[name] for name, _, _ in parts])


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
        for fit in run_calls(calls, jobs):
            found.append(fit)
            advance(len(found), len(calls), "")
    count = len(tasks)
    of_pairs = {pair: fit for pair, fit in zip(asked, found[2 * count :], strict=True) if fit is not None}
    return tuple(found[:count]), of_pairs, tuple(found[count : 2 * count])


def _confirm(
    setting: Setting,
    folds: Sequence[Fold],
    fits: Mapping[tuple[int, int], Fit],
    kept: RunFolder,
    jobs: int,
) -> tuple[Confirmed, ...]:
    """Nothing where every point has been trained in full already."""
    if setting.config.design == "full":
        return ()
    parts: list[Job] = [
        (f"confirmed-{pair[0]}-{pair[1]}", confirm_pair, (setting, folds, pair))
        for pair in pairs_to_confirm(fits, setting.config.confirm)
    ]
    found = do_parts(parts, kept, jobs, "full training")
    return tuple(_confirmed(found[name]) for name, _, _ in parts)


def _confirmed(found: dict[str, Any]) -> Confirmed:
    scores = {name: tuple(found[name]) for name in ("alone", "together")}
    return Confirmed(**{**found, **scores})


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - begun
