"""From the options of `molweight bench suite` to its folder of results, told on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
from rich.console import Console

from molweight.benchmarks.folders import free_folder
from molweight.benchmarks.local_engine import run_local
from molweight.benchmarks.suite import Named, SuiteConfig, plan_suite
from molweight.benchmarks.suite_folder import SUITE, SuiteFolder
from molweight.benchmarks.suite_run import Failed, run_suite
from molweight.benchmarks.work import Terms
from molweight.encoders.compute import Compute
from molweight.errors import ConfigError

DEFAULT = Path("molweight-suite")


@dataclass(frozen=True)
class SuiteFiles:
    """Where a suite writes, and where it reads.

    Attributes:
        out: folder of a new suite.
        resume: folder of one to go on with, in its place.
        data_dir: folder searched first for data.
    """

    out: Path | None
    resume: Path | None
    data_dir: Path | None


def suite_program(
    named: Named, files: SuiteFiles, compute: Compute, jobs: int | None, command: str, console: Console
) -> bool:
    """Run a suite, or go on with one, and say what came of it.

    Args:
        named: the options that say which cells.
        files: where to.
        compute: device and precision.
        jobs: cells at once; None for one a core, or one on a GPU.
        command: as it was typed.
        console: to print to.

    Returns:
        Whether cells failed.

    Raises:
        MolweightError: if something is wrong that the user can mend.
    """
    kept, config = _folder_and_plan(named, files)
    jobs = _jobs(jobs, compute)
    terms = Terms(config.budget, config.objectives, config.checkpoint, files.data_dir, compute)
    kept.begin(config, str(compute), command)
    _tell_plan(config, jobs, compute, console)
    threads = 1 if compute.device.type == "cpu" else max(1, joblib.cpu_count() // jobs)
    engine = partial(run_local, jobs=jobs, threads=threads)
    failed = run_suite(config, terms, kept, lambda works, watch: engine(works, watch=watch), jobs)
    _tell_end(failed, len(config.cells()), kept.folder, console)
    return bool(failed)


def _folder_and_plan(named: Named, files: SuiteFiles) -> tuple[SuiteFolder, SuiteConfig]:
    if files.resume is not None:
        kept = SuiteFolder(files.resume)
        return kept, plan_suite(named, kept.begun())
    folder = files.out or free_folder(DEFAULT)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {folder}: is a file; name a folder")
    if (folder / SUITE).exists():
        raise ConfigError(
            f"{folder}: holds a suite; give --resume {folder} to go on with it, or another --out"
        )
    return SuiteFolder(folder), plan_suite(named)


def _jobs(asked: int | None, compute: Compute) -> int:
    if asked is not None and asked < 1:
        raise ConfigError(f"--jobs must be at least 1, got {asked}")
    return asked or (1 if compute.device.type == "cuda" else joblib.cpu_count())


def _tell_plan(config: SuiteConfig, jobs: int, compute: Compute, console: Console) -> None:
    cells = len(config.cells())
    console.print(
        f"molweight bench suite: {', '.join(config.data_sets)} x {', '.join(config.splits)} x "
        f"{', '.join(config.methods)}: {cells} cells, {config.budget} budget, {jobs} at once on {compute}",
        highlight=False,
    )


def _tell_end(failed: Sequence[Failed], cells: int, folder: Path, console: Console) -> None:
    for each in failed:
        console.print(f"failed: {each.cell}: {each.error}", markup=False, highlight=False, soft_wrap=True)
    remedy = f"; molweight bench suite --resume {folder} does the others again" if failed else ""
    console.print(
        f"{cells - len(failed)} of {cells} cells are done{remedy}. results: {folder}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
