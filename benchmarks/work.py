"""A cell as a process anywhere does it: it reads the data itself, and gives an outcome or says why not."""

import time
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from molweight.benchmarks.cells import Setting, run_cell
from molweight.benchmarks.loading import Loaded, data_folders, find_data_set, load_data_set
from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite import Cell
from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import Compute
from molweight.errors import DataError
from molweight.molecules.splits import Split
from molweight.reports.progress import Advance
from molweight.tasks.budgets import find_budget
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
    """

    budget: str
    objectives: tuple[str, ...]
    checkpoint: str
    data_dir: Path | None
    compute: Compute


@dataclass(frozen=True)
class Work:
    """A cell and what its numbers depend on.

    Attributes:
        cell: what to do.
        split: of the data set's molecules.
        sha256: of the data set's files.
        terms: what all cells share.
        snapshot: file where the method may keep its state, on the machine that holds the results.
    """

    cell: Cell
    split: Split
    sha256: tuple[str, ...]
    terms: Terms
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
    if work.terms.compute.device.type == "cpu":
        torch.set_num_threads(1)
    setting, loaded = _setting(work.cell.data_set, work.terms)
    if loaded.sha256 != work.sha256:
        files = ", ".join(map(str, loaded.paths))
        raise DataError(f"{files}: not the data that the suite was begun with; give all nodes the same copy")
    method = find_methods(work.cell.method)[work.cell.method]
    return run_cell(setting, method, work.split, work.cell.seed, snapshot=work.snapshot, advance=advance)


@lru_cache(maxsize=1)
def _setting(data_set: str, terms: Terms) -> tuple[Setting, Loaded]:
    """Read once for all cells of a data set that a process does."""
    loaded = load_data_set(data_set, terms.data_dir)
    checkpoint = load_encoder(terms.checkpoint, data_folders(terms.data_dir))
    metric, budget = METRICS[find_data_set(data_set).metric], find_budget(terms.budget)
    setting = Setting(loaded.data, metric, budget, terms.compute, checkpoint, terms.objectives)
    return setting, loaded
