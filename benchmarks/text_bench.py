"""`molweight text bench`: methods x seeds on one text data set, and what came out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import molweight
from molweight.benchmarks.outcomes import Outcome, Outcomes
from molweight.benchmarks.running import outcome_of, run_all
from molweight.benchmarks.text_loading import (
    TextLoaded,
    draw_train,
    find_text_data_set,
    load_text_data_set,
)
from molweight.encoders.compute import Compute
from molweight.encoders.transformer_checkpoints import LoadedText, load_text_encoder
from molweight.errors import ConfigError
from molweight.molecules.splits import Split
from molweight.reports.progress import Advance
from molweight.tasks.metrics import Score
from molweight.text.budgets import find_text_budget
from molweight.text.data import TextData
from molweight.text.methods import TextJob, TextMethod, find_text_methods
from molweight.text.metrics import TEXT_METRICS, TextMetric, score
from molweight.tokens.store import TokenStore


@dataclass(frozen=True)
class TextBenchConfig:
    """What a benchmark on texts is asked to do.

    Attributes:
        methods: comma-separated names.
        objectives: names of those to pretrain on.
        seeds: number of seeds, from 0.
        train_size: labelled texts drawn from the train part, others for each seed; all where None.
        budget: name of a budget.
        model: encoder that the methods start from.
        max_length: most tokens of a text; of longer ones the beginning is kept.
        data_dir: folder searched first for data.
        compute: device and precision.
        download: whether a model may be fetched from the hub.
    """

    methods: str
    objectives: tuple[str, ...]
    seeds: int
    train_size: int | None
    budget: str
    model: str
    max_length: int
    data_dir: Path | None
    compute: Compute
    download: bool = False

    def __post_init__(self) -> None:
        find_text_methods(self.methods)
        find_text_budget(self.budget)
        if self.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, got {self.seeds}")


@dataclass(frozen=True)
class TextSetting:
    """What every method and seed of a benchmark has in common.

    Attributes:
        name: data set.
        loaded: its rows.
        checkpoint: encoder and tokeniser.
        store: all rows as tokens.
        splits: of each seed.
        corpus: all texts of the train part, where labels are kept of some only; they are to pretrain on.
    """

    name: str
    loaded: TextLoaded
    checkpoint: LoadedText
    store: TokenStore
    splits: list[Split]
    corpus: TokenStore | None

    @property
    def metric(self) -> TextMetric:
        """What the data set is scored by."""
        return TEXT_METRICS[find_text_data_set(self.name).metric]


@dataclass(frozen=True)
class TextBenchResult:
    """All outcomes on one data set: `outcomes[method][seed]`."""

    setting: TextSetting
    outcomes: dict[str, list[Outcome]]


def prepare(name: str, config: TextBenchConfig) -> TextSetting:
    """Read the data and the checkpoint, and draw the splits.

    Raises:
        ConfigError: if an option cannot work.
        DataError: if the data cannot be had.
        CheckpointError: if the checkpoint cannot be had.
    """
    loaded = load_text_data_set(name, config.data_dir)
    checkpoint = load_text_encoder(config.model, config.download)
    size, data = config.train_size, loaded.data
    splits = [
        loaded.split if size is None else draw_train(loaded.split, data.labels, size, seed, data.kind)
        for seed in range(config.seeds)
    ]
    store = _tokens(checkpoint, data, config)
    corpus = None if size is None else _tokens(checkpoint, data.take(loaded.split.train), config)
    return TextSetting(name, loaded, checkpoint, store, splits, corpus)


def run_text_bench(
    name: str, config: TextBenchConfig, kept: Outcomes, resume: bool = False, overwrite: bool = False
) -> TextBenchResult:
    """Run every method with every seed; each test part is scored once for each, at the end.

    Args:
        name: data set.
        config: what to do.
        kept: where each outcome is kept as soon as it is reached.
        resume: go on with a run that was interrupted; it comes to the same numbers.
        overwrite: remove what an interrupted run left.

    Raises:
        ConfigError: if an option cannot work, or the outcomes kept are not of this run.
        DataError: if the data cannot be had.
        CheckpointError: if the checkpoint cannot be had.
    """
    setting = prepare(name, config)
    kept.begin(_identity(config, setting), resume, overwrite)
    methods = find_text_methods(config.methods)

    def run(label: str, seed: int, advance: Advance) -> Outcome:
        test = setting.splits[seed].test
        job = TextJob(
            setting.loaded.data.hide_labels(test),
            setting.store,
            setting.splits[seed],
            setting.metric,
            find_text_budget(config.budget),
            config.compute,
            seed,
            setting.checkpoint,
            config.objectives,
            setting.corpus,
            kept.snapshot(label, seed),
            advance,
        )
        return run_text_method(job, methods[label], setting.loaded.data.labels[test])

    outcomes = run_all(name, methods, config.seeds, kept, setting.metric.name, run)
    return TextBenchResult(setting, outcomes)


def run_text_method(job: TextJob, method: TextMethod, labels: np.ndarray) -> Outcome:
    """Fit on data without test labels, predict, and only then score against them.

    Args:
        job: what to do; its data lack the labels of the test texts.
        method: how.
        labels: of the test texts, [texts].
    """

    def scores(outputs: np.ndarray) -> dict[str, Score]:
        return {
            metric.name: score(metric, labels, outputs, job.data.classes)
            for metric in TEXT_METRICS.values()
            if metric.kind == job.data.kind
        }

    return outcome_of(lambda: method(job), job.split.test, job.metric.name, scores, job.compute.machine)


def _tokens(checkpoint: LoadedText, data: TextData, config: TextBenchConfig) -> TokenStore:
    return checkpoint.tokeniser.tokenise(data.texts, data.pairs, config.max_length)


def _identity(config: TextBenchConfig, setting: TextSetting) -> dict[str, Any]:
    """What a resumed run must agree on."""
    return {
        "data set": setting.name,
        "data": setting.loaded.sha256,
        "split": [split.digest for split in setting.splits],
        "methods": config.methods,
        "objectives": config.objectives,
        "number of seeds": config.seeds,
        "budget": repr(find_text_budget(config.budget)),
        "model": [config.model, checksum(setting.checkpoint)],
        "maximum length": config.max_length,
        "compute": str(config.compute),
        "version": molweight.__version__,
    }


def checksum(checkpoint: LoadedText) -> str:
    """Of the encoder's weights, whatever its name."""
    from hashlib import sha256

    digest = sha256()
    with torch.no_grad():
        for parameter in checkpoint.encoder.parameters():
            digest.update(parameter.contiguous().numpy().tobytes())
    return digest.hexdigest()


def check_text_names(names: Sequence[str]) -> None:
    """Refuse unknown data sets before any work is done.

    Raises:
        ConfigError: if one is unknown.
    """
    for name in names:
        find_text_data_set(name)
