"""`molweight bench`: methods x seeds on one data set, and the report of what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import molweight
from molweight.benchmarks.cells import Setting, run_cell
from molweight.benchmarks.loading import Loaded, data_folders, find_data_set, load_data_set
from molweight.benchmarks.outcomes import Outcome, Outcomes
from molweight.benchmarks.running import run_all
from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import Compute
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import SEEDED, SPLITTERS, Split
from molweight.reports.progress import Advance, progress_bar
from molweight.reports.side_by_side import process_facts, processes
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.budgets import Budget, find_budget
from molweight.tasks.data import TaskData
from molweight.tasks.methods import check_parallel, find_methods
from molweight.tasks.metrics import METRICS, Metric, score


@dataclass(frozen=True)
class BenchConfig:
    """What a benchmark is asked to do.

    Attributes:
        methods: comma-separated names.
        seeds: number of seeds, from 0.
        objectives: names of those to pretrain on.
        split: name of a splitter; the random ones draw another split for each seed.
        budget: name of a budget.
        data_dir: folder searched first for data.
        checkpoint: encoder that the methods start from.
        compute: device and precision.
        ranks: those that share each batch of continued pretraining; all else each does alike.
        every: iterations from one step of the weights to the next.
        shared_view: let objectives that can be shown one view share it.
        jobs: processes in which methods and seeds run side by side; -1 for one on each core.
    """

    methods: str
    objectives: tuple[str, ...]
    seeds: int
    split: str
    budget: str
    data_dir: Path | None
    checkpoint: str
    compute: Compute
    ranks: Ranks = ALONE
    every: int = 1
    shared_view: bool = False
    jobs: int = 1

    def __post_init__(self) -> None:
        check_parallel(find_methods(self.methods), self.ranks)
        find_budget(self.budget)
        if processes(self.jobs) > 1 and self.ranks.count > 1:
            raise ConfigError("--jobs does not go with torchrun, which has started the processes already")
        if self.every < 1:
            raise ConfigError(f"--every must be at least 1, got {self.every}")
        if self.split not in SPLITTERS:
            raise ConfigError(f"unknown split {self.split!r}; there are {', '.join(SPLITTERS)}")
        if self.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, got {self.seeds}")

    @property
    def settings(self) -> Budget:
        """The budget of that name, with what is asked of weight learning."""
        budget = find_budget(self.budget)
        loop = replace(budget.reweight.loop, every=self.every)
        return replace(budget, reweight=replace(budget.reweight, loop=loop, shared_view=self.shared_view))


@dataclass(frozen=True)
class BenchResult:
    """All outcomes on one data set: `outcomes[method][seed]`, and the split of each seed."""

    name: str
    loaded: Loaded
    metric: Metric
    splits: list[Split]
    outcomes: dict[str, list[Outcome]]


def check_names(names: Sequence[str]) -> None:
    """Refuse unknown data sets before any work is done.

    Raises:
        ConfigError: if one is unknown.
    """
    for name in names:
        find_data_set(name)


def run_bench(
    name: str, config: BenchConfig, kept: Outcomes, resume: bool = False, overwrite: bool = False
) -> BenchResult:
    """Run every method with every seed; each test split is scored once for each, at the end.

    Args:
        name: data set.
        config: what to do.
        kept: where each outcome is kept as soon as it is reached.
        resume: go on with a run that was interrupted; it comes to the same numbers.
        overwrite: remove what an interrupted run left.

    Raises:
        ConfigError: if an option cannot work, or the outcomes kept are not of this run.
        DataError: if the data cannot be had, or the split leaves nothing to learn or choose from.
        CheckpointError: if the checkpoint cannot be had.
    """
    checkpoint = load_encoder(config.checkpoint, data_folders(config.data_dir))
    with progress_bar(f"{name}: featurising") as advance:
        loaded = config.ranks.first_then_others(
            lambda: load_data_set(name, config.data_dir, lambda done, total: advance(done, total, ""))
        )
    metric = METRICS[find_data_set(name).metric]
    splits = make_splits(loaded.data, config.split, config.seeds)
    for split in splits:
        check_split(loaded.data, split, metric, name, config.split)
    config.ranks.once(lambda: kept.begin(_identity(name, config, loaded, splits), resume, overwrite))
    methods = find_methods(config.methods)
    setting = Setting(
        loaded.data, metric, config.settings, config.compute, checkpoint, config.objectives, config.ranks
    )

    def run(label: str, seed: int, advance: Advance) -> Outcome:
        snapshot = kept.snapshot(label, seed)
        return run_cell(setting, methods[label], splits[seed], seed, snapshot=snapshot, advance=advance)

    outcomes = run_all(name, methods, config.seeds, kept, metric.name, run, config.ranks, config.jobs)
    return BenchResult(name, loaded, metric, splits, outcomes)


def _identity(name: str, config: BenchConfig, loaded: Loaded, splits: Sequence[Split]) -> dict[str, Any]:
    """What a resumed run must agree on."""
    shared = {"number of ranks": config.ranks.count} if config.ranks.count > 1 else {}
    return {
        **shared,
        **process_facts(config.jobs),
        "data set": name,
        "data": loaded.sha256,
        "split": [split.digest for split in splits],
        "methods": config.methods,
        "objectives": config.objectives,
        "number of seeds": config.seeds,
        "budget": repr(config.settings),
        "checkpoint": config.checkpoint,
        "compute": str(config.compute),
        "version": molweight.__version__,
    }


def make_splits(data: TaskData, kind: str, seeds: int) -> list[Split]:
    """The split of each seed by the splitter of that name; a deterministic one gives the same for all."""
    splitter = SPLITTERS[kind]
    if kind in SEEDED:
        return [splitter(data.smiles, seed) for seed in range(seeds)]
    return [splitter(data.smiles, 0)] * seeds


def check_split(data: TaskData, split: Split, metric: Metric, name: str, kind: str) -> None:
    """Refuse a split whose train or validation part cannot do its work; test labels are not looked at.

    Raises:
        DataError: if a part is empty, or no task has in it what the metric needs.
    """
    for part, molecules in (("train", split.train), ("valid", split.valid)):
        labels = data.labels[molecules]
        if np.isnan(score(metric, labels, np.zeros_like(labels), data.tasks).value):
            raise DataError(
                f"{name}: the {part} part of the {kind} split ({len(molecules)} molecules) has no task that "
                f"{metric.name} can be computed on; use another --split"
            )
