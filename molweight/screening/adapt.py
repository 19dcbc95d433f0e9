"""From labelled molecules to a model: trials on a split, a choice by validation, and an ensemble of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from molweight.encoders.checkpoints import DEFAULT, load_encoder
from molweight.encoders.compute import Compute, choose_compute
from molweight.encoders.gin import GIN
from molweight.errors import ConfigError
from molweight.molecules.splits import Split
from molweight.molecules.store import cached_store
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.paths import cache_folder
from molweight.reports.progress import Advance, announce, progress_bar
from molweight.reports.side_by_side import processes
from molweight.screening.choose_split import choose_split
from molweight.screening.facts import canonical_smiles
from molweight.screening.hygiene import leakage
from molweight.screening.members import FOLDS, CrossFitted, Member, cross_fit, draw_folds
from molweight.screening.model import About, Model, calibrated
from molweight.screening.training_set import TrainingSet
from molweight.screening.trials import Trial, Trials, best_method, run_trials, scores_on_test, try_method
from molweight.tasks.budgets import Budget, find_budget
from molweight.tasks.consensus import beside_trees
from molweight.tasks.data import Corpus, TaskData
from molweight.tasks.early_stopping import FinetuneRecord
from molweight.tasks.finetune import finetune
from molweight.tasks.methods import COMPARED_ONLY, OF_TREES, Job, find_methods
from molweight.tasks.metrics import METRICS, Metric
from molweight.tasks.variants import base_of, budget_of

SEEDS = {"smoke": 1, "quick": 1, "standard": 3, "full": 5}  # of each method, by budget
METRIC = {"classification": "roc_auc", "regression": "rmse"}


@dataclass(frozen=True)
class AdaptConfig:
    """What adapting is asked to do.

    Attributes:
        methods: comma-separated names of those to try.
        budget: steps and seeds that each may spend.
        objectives: of continued pretraining.
        seed: of all random choices.
        checkpoint: encoder that the methods start from.
        compute: device and precision.
        jobs: processes in which trials, and then members, are fitted side by side; -1 for one on each core.
    """

    methods: str = (
        "rf,rf-descriptors,gbdt,finetune,finetune@descriptors=true@fingerprints=true@boosting=true,equal,"
        "tapweight"
    )
    budget: str = "standard"
    objectives: tuple[str, ...] = DEFAULT_GRAPH_OBJECTIVES
    seed: int = 0
    checkpoint: str = DEFAULT
    compute: Compute = field(default_factory=choose_compute)
    jobs: int = 1

    def __post_init__(self) -> None:
        if compared := [n for n in find_methods(self.methods) if base_of(n) in COMPARED_ONLY]:
            raise ConfigError(
                f"--methods {', '.join(compared)}: for `molweight bench` alone, to compare with; leave it out"
            )
        find_budget(self.budget)
        processes(self.jobs)
        if self.seed < 0:
            raise ConfigError(f"--seed must not be negative, got {self.seed}")

    @property
    def seeds(self) -> list[int]:
        """Those of each method's trials."""
        return [self.seed + number for number in range(SEEDS[self.budget])]


@dataclass(frozen=True)
class Adapted:
    """What adapting came to.

    Attributes:
        training: the labelled molecules.
        config: what was asked.
        split: on which the methods were tried.
        split_name: how it was drawn.
        metric: that chose.
        trials: of every method and seed.
        test: test score of every method, by seed; NaN where the test part cannot be scored.
        fitted: the ensemble, with predictions by members that had not seen the molecule.
        model: the same, calibrated.
        leaked: rows of test molecules that are the compound of a train molecule but for stereochemistry,
            mobile hydrogens or protonation.
        unlabelled: molecules of continued pretraining beside the labelled ones.
        seconds: in all.
    """

    training: TrainingSet
    config: AdaptConfig
    split: Split
    split_name: str
    metric: Metric
    trials: tuple[Trial, ...]
    test: dict[str, list[float]]
    fitted: CrossFitted
    model: Model
    leaked: tuple[int, ...]
    unlabelled: int
    seconds: float

    @property
    def method(self) -> str:
        """The one that was chosen."""
        return self.model.about.method


def adapt(
    training: TrainingSet, config: AdaptConfig, kept: Trials, unlabelled: Sequence[str] = ()
) -> Adapted:
    """Try the methods, choose one by validation, and fit an ensemble of it on all labelled molecules.

    Every method and seed learns from the train part and is judged on the validation part; the test part is
    predicted, but scored only once the choice is made. The members of the ensemble are fitted on all parts,
    each without one of five random folds, on which it is calibrated. A member that is a network begins
    from an encoder of the chosen method's trials: its continued pretraining saw no label but through the
    objective weights.

    Args:
        training: labelled molecules.
        config: what to do.
        kept: folder of finished trials, begun.
        unlabelled: SMILES to pretrain on beside the labelled ones.

    Raises:
        DataError: if the molecules are too few to learn and choose from.
        CheckpointError: if the checkpoint cannot be had.
        FloatingPointError: if training fails.
    """
    began = time.perf_counter()
    data, metric = training.data, METRICS[METRIC[training.data.kind]]
    checkpoint = load_encoder(config.checkpoint)
    split, split_name = choose_split(data, metric, config.seed)
    corpus = _corpus(data, split, unlabelled)
    trials = _run_trials(data, split, metric, corpus, config, checkpoint, kept)
    method = best_method(trials, metric)
    announce(f"chosen by validation: {method}")
    chosen = [trial for trial in trials if trial.method == method]
    fitted = _fit_ensemble(data, metric, config, checkpoint, chosen)
    about = About(data.kind, data.tasks, training.classes, method, metric.name)
    return Adapted(
        training,
        config,
        split,
        split_name,
        metric,
        tuple(trials),
        scores_on_test(trials, metric, data.labels[split.test], data.tasks),
        fitted,
        calibrated(about, fitted, data),
        _leaked(training, split),
        0 if corpus is None else len(corpus) - len(split.train),
        time.perf_counter() - began,
    )


def _run_trials(
    data: TaskData,
    split: Split,
    metric: Metric,
    corpus: Corpus | None,
    config: AdaptConfig,
    checkpoint: GIN,
    kept: Trials,
) -> list[Trial]:
    blind, methods = data.hide_labels(split.test), find_methods(config.methods)

    def attempt(method: str, seed: int, advance: Advance) -> Trial:
        job = Job(
            blind,
            split,
            metric,
            find_budget(config.budget),
            config.compute,
            seed,
            checkpoint,
            config.objectives,
            corpus,
            kept.snapshot(method, seed),
            advance,
        )
        return try_method(method, methods[method], job)

    return run_trials(methods, config.seeds, kept, metric.name, attempt, config.jobs)


def _fit_ensemble(
    data: TaskData, metric: Metric, config: AdaptConfig, checkpoint: GIN, chosen: Sequence[Trial]
) -> CrossFitted:
    folds = draw_folds(data.labels, data.kind, FOLDS, config.seed)
    method = chosen[0].method  # of all seeds
    budget = budget_of(method, find_budget(config.budget))
    read = data.for_heads(OF_TREES[method].inputs if method in OF_TREES else budget.inputs)
    fit = partial(_fit_member, read, metric, config, checkpoint, budget, chosen)
    return cross_fit(fit, read, folds, config.seed, config.jobs)


def _fit_member(
    data: TaskData,
    metric: Metric,
    config: AdaptConfig,
    checkpoint: GIN,
    budget: Budget,
    chosen: Sequence[Trial],
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    number: int,
) -> Member:
    trial, seed, settings = chosen[number % len(chosen)], config.seed + number, budget.finetune
    everything = np.sort(np.concatenate([train, valid]))
    if not trial.encoder:
        return OF_TREES[trial.method].fit(data, everything, seed)
    with progress_bar(f"member {number + 1} of {FOLDS}") as advance:

        def show(record: FinetuneRecord) -> None:
            advance(record.epoch + 1, settings.epochs, f"valid {metric.name} {record.valid:.3f}")

        encoder = trial.rebuild_encoder(checkpoint)
        network = finetune(encoder, data, train, valid, metric, settings, config.compute, seed, show)
    return beside_trees(network, budget, data, everything, seed)


def _leaked(training: TrainingSet, split: Split) -> tuple[int, ...]:
    smiles = training.data.smiles
    train, test = ([smiles[i] for i in part] for part in (split.train, split.test))
    return tuple(training.rows[split.test[leakage(train, test)]].tolist())


def _corpus(data: TaskData, split: Split, unlabelled: Sequence[str]) -> Corpus | None:
    """Train molecules and the unlabelled ones, but for those that validate or test; None without any."""
    if not unlabelled:
        return None
    judging = np.concatenate([split.valid, split.test])
    kept_out = set(canonical_smiles([data.smiles[i] for i in judging]))
    named = zip(unlabelled, canonical_smiles(unlabelled), strict=True)
    more = [text for text, canonical in named if canonical not in kept_out]
    texts = [data.smiles[i] for i in split.train] + more
    with progress_bar("featurising unlabelled molecules") as advance:
        store = cached_store(
            texts, cache_folder() / "stores", progress=lambda done, total: advance(done, total, "")
        )
    return Corpus([texts[row] for row in store.rows.tolist()], store)
