"""The results folder of a suite, read: what was asked, and of each data set what has been reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.outcomes import FOLDER, Outcome, Outcomes, read_array
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
class SetResults:
    """All that was reached on one data set and split.

    Attributes:
        name: data set.
        split: name of the splitter.
        metric: that counts.
        tasks: names.
        digests: of each seed's split; there are as many as seeds were asked for.
        sizes: of the parts, of each seed.
        labels: of each seed's test part, [molecules, tasks], NaN where missing; of seeds with an outcome.
        outcomes: of each method, by seed, with predictions.
        errors: of each method, by seed that failed.
    """

    name: str
    split: str
    metric: Metric
    tasks: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: tuple[Mapping[str, int], ...]
    labels: Mapping[int, Array]
    outcomes: Mapping[str, Mapping[int, Outcome]]
    errors: Mapping[str, Mapping[int, str]]

    @property
    def note(self) -> str:
        """What differs from the published set."""
        return DATA_SETS[self.name].note if self.name in DATA_SETS else ""

    def predictions(self, method: str) -> dict[int, Array]:
        """Of the test part, by seed that a method has finished."""
        return {s: o.predictions for s, o in self.outcomes[method].items() if o.predictions is not None}


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
    seeds = range(len(digests))
    outcomes = {m: {s: o for s in seeds if (o := kept.load(m, s))} for m in asked.methods}
    errors = {
        m: {s: told for s in seeds if s not in outcomes[m] and (told := _error(kept.folder, m, s))}
        for m in asked.methods
    }
    begun = sorted({seed for reached in outcomes.values() for seed in reached})
    labels = {seed: _labels(kept.folder / f"labels-{seed}.npy", len(tasks)) for seed in begun}
    found = SetResults(name, split, metric, tasks, digests, sizes, labels, outcomes, errors)
    for method, reached in outcomes.items():
        for seed, outcome in reached.items():
            _check(metric, labels[seed], outcome, kept.folder / f"{method}-{seed}.npy")
    return found


def _error(folder: Path, method: str, seed: int) -> str:
    path = folder / f"{method}-{seed}.failed.json"
    return str(read_json(path).get("error", "unknown")) if path.is_file() else ""


def _labels(path: Path, tasks: int) -> Array:
    found = read_array(path)
    if found is None:
        raise DataError(f"{path}: not found, and without it nothing can be told; resume the suite")
    if found.ndim != 2 or found.shape[1] != tasks:
        raise DataError(f"{path}: is of shape {found.shape}, not of [test molecules, {tasks}]")
    return found


def _check(metric: Metric, labels: Array, outcome: Outcome, path: Path) -> None:
    """Refuse predictions that are not those of their outcome: of another run, or damaged.

    Raises:
        DataError: if they are not.
    """
    remedy = "delete it and the .json beside it, and resume the suite"
    found = outcome.predictions
    if found is None:
        raise DataError(f"{path}: not found; {remedy}")
    if found.shape != labels.shape or not np.isfinite(found).all():
        raise DataError(f"{path}: not {labels.shape} finite values, as there are labels; {remedy}")
    scored = resampled_scores(metric, labels, [found], np.ones((1, len(labels))))[0, 0]
    if not np.isclose(scored, outcome.test.value, rtol=CLOSE, equal_nan=True):
        raise DataError(
            f"{path}: has a {metric.name} of {scored:.4f}, and the .json beside it says "
            f"{outcome.test.value:.4f}; {remedy}"
        )
