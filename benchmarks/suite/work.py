"""A cell as a process anywhere does it: it reads the data itself, and gives an outcome or says why not."""

import time
import traceback
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import molweight
from molweight.benchmarks.cells import Setting, run_cell
from molweight.benchmarks.loading import Loaded, data_folders, find_data_set, load_data_set
from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite.plan import Cell, SuiteConfig
from molweight.benchmarks.suite.pool import corpus, read_pool
from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import Compute
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import Split
from molweight.reports.progress import Advance
from molweight.tasks.budgets import find_budget
from molweight.tasks.data import Corpus, TaskData
from molweight.tasks.methods import find_methods
from molweight.tasks.metrics import METRICS


@dataclass(frozen=True)
class Terms:
    """What all cells of a suite share.

    Attributes:
        budget: name of every method's budget.
        objectives: names of those to pretrain on.
        checkpoint: encoder that the methods start from.
        data_dir: folder searched first for data.
        compute: device and precision.
        unlabelled: file of molecules to pretrain on beside those of train.
        version: of this program.
    """

    budget: str
    objectives: tuple[str, ...]
    checkpoint: str
    data_dir: Path | None
    compute: Compute
    unlabelled: Path | None = None
    version: str = molweight.__version__

    @classmethod
    def of(cls, config: SuiteConfig, compute: Compute) -> "Terms":
        """Those of a suite."""
        paths = (None if path is None else Path(path) for path in (config.data_dir, config.unlabelled))
        data_dir, unlabelled = paths
        return cls(config.budget, config.objectives, config.checkpoint, data_dir, compute, unlabelled)


@dataclass(frozen=True)
class Chosen:
    """Molecules of a pool: the SHA-256 of its file, and positions, int64 [molecules]."""

    sha256: str
    molecules: NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """A cell and what its numbers depend on.

    Attributes:
        cell: what to do.
        split: of the data set's molecules.
        sha256: of the data set's files.
        terms: what all cells share.
        unlabelled: those that neither validate nor test.
        snapshot: file where the method may keep its state, on the machine that holds the results.
    """

    cell: Cell
    split: Split
    sha256: tuple[str, ...]
    terms: Terms
    unlabelled: Chosen | None = None
    snapshot: Path | None = None


@dataclass(frozen=True)
class Failure:
    """Why a cell has no outcome, after how many seconds, and where in the program."""

    error: str
    seconds: float
    traceback: str = ""


Results = Generator[tuple[Work, Outcome | Failure], None, None]  # of an engine, each as soon as it is there


def do_work(work: Work, advance: Advance = lambda done, total, remark: None) -> Outcome | Failure:
    """Do a cell; on a CPU in one thread, so that it comes to the same bits beside any number of others."""
    began = time.perf_counter()
    try:
        return _outcome(work, advance)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return Failure(reason, time.perf_counter() - began, traceback.format_exc())


def _outcome(work: Work, advance: Advance) -> Outcome:
    if work.terms.version != molweight.__version__:
        raise ConfigError(f"this node has molweight {molweight.__version__}; give it {work.terms.version}")
    if work.terms.compute.device.type == "cpu":
        torch.set_num_threads(1)
    setting, loaded = _setting(work.cell.data_set, work.terms)
    _check_copy(work.sha256, loaded.sha256, loaded.paths)
    method = find_methods(work.cell.method)[work.cell.method]
    return run_cell(
        setting, method, work.split, work.cell.seed, _corpus(work, setting.data), work.snapshot, advance
    )


def _corpus(work: Work, data: TaskData) -> Corpus | None:
    if work.unlabelled is None or work.terms.unlabelled is None:
        return None
    pool = read_pool(work.terms.unlabelled)
    _check_copy((work.unlabelled.sha256,), (pool.sha256,), (pool.path,))
    return corpus(data, work.split, pool, work.unlabelled.molecules)


def _check_copy(wanted: Sequence[str], found: Sequence[str], paths: Sequence[Path]) -> None:
    if wanted != found:
        files = ", ".join(map(str, paths))
        raise DataError(f"{files}: not what the suite was planned with; give all nodes the same copy")


@lru_cache(maxsize=1)
def _setting(data_set: str, terms: Terms) -> tuple[Setting, Loaded]:
    """Read once for all cells of a data set that a process does."""
    loaded = load_data_set(data_set, terms.data_dir)
    checkpoint = load_encoder(terms.checkpoint, data_folders(terms.data_dir))
    metric, budget = METRICS[find_data_set(data_set).metric], find_budget(terms.budget)
    setting = Setting(loaded.data, metric, budget, terms.compute, checkpoint, terms.objectives)
    return setting, loaded
