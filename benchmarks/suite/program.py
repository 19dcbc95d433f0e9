"""From the options of `molweight bench suite` to its folder of results, told on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
import torch
from rich.console import Console

from molweight.benchmarks.folders import free_folder
from molweight.benchmarks.suite.folder import SuiteFolder
from molweight.benchmarks.suite.local_engine import run_local, visible_gpus
from molweight.benchmarks.suite.plan import Named, SuiteConfig, plan_suite
from molweight.benchmarks.suite.pool import read_pool
from molweight.benchmarks.suite.ray_engine import check_ray, run_ray
from molweight.benchmarks.suite.results import SUITE
from molweight.benchmarks.suite.run import Engine, Failed, run_suite
from molweight.benchmarks.suite.work import Terms
from molweight.encoders.compute import Compute, choose_compute
from molweight.errors import ConfigError
from molweight.screening.findings import counted

ENGINES = ("local", "ray")
DEFAULT = Path("molweight-suite")


@dataclass(frozen=True)
class SuiteRun:
    """Where a suite writes, and what does its work.

    Attributes:
        out: folder of a new suite.
        resume: folder of one to go on with, in its place.
        jobs: cells at once; None for one a core, or one on each GPU.
        engine: local or ray.
        address: of a running Ray cluster.
    """

    out: Path | None
    resume: Path | None
    jobs: int | None
    engine: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"unknown engine {self.engine!r}; there are {', '.join(ENGINES)}")
        if self.address is not None and self.engine != "ray":
            raise ConfigError("--address is that of a Ray cluster; give --engine ray with it")
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError(f"--jobs must be at least 1, got {self.jobs}")


def suite_program(named: Named, run: SuiteRun, command: str, console: Console) -> bool:
    """Run a suite, or go on with one, and say what came of it.

    Args:
        named: the options that say which cells.
        run: where to, and how.
        command: as it was typed.
        console: to print to.

    Returns:
        Whether cells failed.

    Raises:
        MolweightError: if something is wrong that the user can mend.
    """
    kept, config = _folder_and_plan(named, run)
    compute = choose_compute(config.device, config.precision)
    terms = Terms.of(config, compute)
    about = {"compute": str(compute), "command": command}
    if terms.unlabelled is not None:
        about["unlabelled_sha256"] = read_pool(terms.unlabelled).sha256
    for names in (config.data_sets, config.splits, config.methods):
        console.print(", ".join(names), highlight=False)
    cells = counted(len(config.cells()), "cell")
    console.print(f"{cells}, {config.budget} budget, {compute}", highlight=False)
    failed = run_suite(config, terms, kept, _engine(run, compute), about)
    _tell_end(failed, len(config.cells()), kept.folder, console)
    return bool(failed)


def _engine(run: SuiteRun, compute: Compute) -> Engine:
    if run.engine == "ray":
        check_ray(run.address)
        return partial(run_ray, jobs=run.jobs, address=run.address, device=compute.device.type)
    if compute.device.type == "cpu":
        return partial(run_local, jobs=run.jobs or joblib.cpu_count(), threads=1)
    gpus = visible_gpus(torch.cuda.device_count())
    jobs = run.jobs or len(gpus)
    return partial(run_local, jobs=jobs, threads=max(1, joblib.cpu_count() // jobs), gpus=gpus)


def _folder_and_plan(named: Named, run: SuiteRun) -> tuple[SuiteFolder, SuiteConfig]:
    if run.resume is not None:
        kept = SuiteFolder(run.resume)
        return kept, plan_suite(named, kept.begun())
    folder = run.out or free_folder(DEFAULT)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {folder}: is a file; name a folder")
    if (folder / SUITE).exists():
        raise ConfigError(
            f"{folder}: holds a suite; give --resume {folder} to go on with it, or another --out"
        )
    return SuiteFolder(folder), plan_suite(named)


def _tell_end(failed: Sequence[Failed], cells: int, folder: Path, console: Console) -> None:
    for each in failed:
        console.print(f"failed: {each.cell}: {each.error}", markup=False, highlight=False, soft_wrap=True)
    remedy = f"; molweight bench suite --resume {folder} does the others again" if failed else ""
    console.print(
        f"done: {cells - len(failed)} of {counted(cells, 'cell')}{remedy}   results: {folder}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
