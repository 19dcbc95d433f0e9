"""The results folder of a suite, read: what was asked, and of each data set what has been reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.outcomes import FOLDER, Outcome, Outcomes
from molweight.errors import DataError
from molweight.run_folder import read_json
from molweight.screening.bootstrap import resampled_scores
from molweight.tasks.metrics import METRICS, Metric

SUITE, SETTING = "suite.json", "setting.json"
CLOSE = 1e-3  # what a score may move when predictions are kept as float32, in parts of it

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """What a suite was asked to do.

    Attributes:
        sets: data sets, in order.
        methods: names, in order.
        splits: names, the headline first.
        content: all of `suite.json`.
    """

    sets: tuple[str, ...]
    methods: tuple[str, ...]
    splits: tuple[str, ...]
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Reached:
    """One method with one seed: what it came to, or the error that it failed with."""

    outcome: Outcome | None = None
    predicted: Array | None = None  # [test molecules, tasks]
    error: str = ""


@dataclass(frozen=True)
class SetResults:
    """All that was reached on one data set and split.

    Attributes:
        name: data set.
        split: name of the splitter.
        metric: that counts.
        tasks: names.
        digests: of each seed's split; there are as many as seeds were asked for.
        sizes: of the parts, of each seed.
        labels: of each seed's test part, [molecules, tasks], NaN where missing; of seeds with a cell only.
        cells: of each method, by seed; one that is not there has not been reached.
    """

    name: str
    split: str
    metric: Metric
    tasks: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: tuple[Mapping[str, int], ...]
    labels: Mapping[int, Array]
    cells: Mapping[str, Mapping[int, Reached]]

    @property
    def note(self) -> str:
        """What differs from the published set."""
        return DATA_SETS[self.name].note if self.name in DATA_SETS else ""

    def outcomes(self, method: str) -> dict[int, Outcome]:
        """Those that a method has reached, by seed."""
        return {seed: cell.outcome for seed, cell in self.cells[method].items() if cell.outcome}

    def predictions(self, method: str) -> dict[int, Array]:
        """Of the seeds that a method has finished."""
        return {s: cell.predicted for s, cell in self.cells[method].items() if cell.predicted is not None}

    def errors(self, method: str) -> dict[int, str]:
        """Of the seeds that a method failed with."""
        return {seed: cell.error for seed, cell in self.cells[method].items() if cell.error}


def read_asked(folder: Path) -> Asked:
    """What the suite of a results folder was asked.

    Raises:
        DataError: if there is none, or it is not of this version.
    """
    path = folder / SUITE
    if not path.is_file():
        raise DataError(f"{folder}: holds no {SUITE}; name the results folder of `molweight bench suite`")
    content = read_json(path)
    try:
        sets, methods, splits = (tuple(content[key]) for key in ("data_sets", "methods", "splits"))
        return Asked(sets, methods, splits, content)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: not a suite of this version ({error!r})") from None


def read_set(folder: Path, asked: Asked, name: str, split: str) -> SetResults | None:
    """What was reached on a data set and split; None where nothing was begun.

    Args:
        folder: of the suite's results.
        asked: of the suite.
        name: data set.
        split: name of the splitter.

    Raises:
        DataError: if a file is damaged, or labels, predictions and scores do not fit each other.
    """
    path = folder / name / split / SETTING
    if not path.is_file():
        return None
    setting, kept = read_json(path), Outcomes(path.parent / FOLDER)
    try:
        metric, tasks = METRICS[setting["metric"]], tuple(setting["tasks"])
        digests, sizes = tuple(setting["digests"]), tuple(setting["sizes"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: not a setting of this version ({error!r})") from None
    cells = {
        method: {seed: cell for seed in range(len(digests)) if (cell := _read_reached(kept, method, seed))}
        for method in asked.methods
    }
    begun = sorted({seed for found in cells.values() for seed, cell in found.items() if cell.outcome})
    labels = {seed: _read_array(kept.folder / f"labels-{seed}.npy", len(tasks)) for seed in begun}
    found = SetResults(name, split, metric, tasks, digests, sizes, labels, cells)
    _check(found, kept.folder)
    return found


def _read_reached(kept: Outcomes, method: str, seed: int) -> Reached | None:
    outcome = kept.load(method, seed)
    if outcome is not None:
        return Reached(outcome, _read_array(kept.folder / f"{method}-{seed}.npy", None))
    failed = kept.folder / f"{method}-{seed}.failed.json"
    return Reached(error=str(read_json(failed).get("error", "unknown"))) if failed.is_file() else None


def _read_array(path: Path, tasks: int | None) -> Array:
    """A table of one row for each test molecule."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete what lies beside it and resume") from None
    if found.ndim != 2 or tasks not in (None, found.shape[1]):
        wanted = "tasks" if tasks is None else str(tasks)
        raise DataError(f"{path}: is of shape {found.shape}, not of [test molecules, {wanted}]")
    return found


def _check(found: SetResults, folder: Path) -> None:
    """Refuse predictions that are not those of their outcome: a file of another run, or a damaged one.

    Raises:
        DataError: if there are some.
    """
    for method, cells in found.cells.items():
        for seed, cell in cells.items():
            if cell.outcome is None or cell.predicted is None:
                continue
            path, labels = folder / f"{method}-{seed}.npy", found.labels[seed]
            if cell.predicted.shape != labels.shape:
                raise DataError(f"{path}: is of shape {cell.predicted.shape}, its labels of {labels.shape}")
            if not np.isfinite(cell.predicted).all():
                raise DataError(f"{path}: holds values that are not finite; delete the outcome and resume")
            told = cell.outcome.test.value
            scored = resampled_scores(found.metric, labels, [cell.predicted], np.ones((1, len(labels))))[0, 0]
            if not np.isclose(scored, told, rtol=CLOSE, equal_nan=True):
                raise DataError(
                    f"{path}: scores {found.metric.name} {scored:.4f} on the labels, the outcome beside it "
                    f"says {told:.4f}; delete both and resume"
                )
