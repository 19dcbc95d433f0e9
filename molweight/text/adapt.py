"""From labelled texts to a model: trials on a split, a choice by validation, and an ensemble of it."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from molweight.encoders.compute import Compute, choose_compute
from molweight.encoders.transformer_checkpoints import DEFAULT_TEXT, LoadedText
from molweight.errors import ConfigError
from molweight.molecules.splits import Split
from molweight.objectives import TEXT_OBJECTIVES
from molweight.reports.progress import Advance, announce, progress_bar
from molweight.screening.adapt import SEEDS
from molweight.screening.members import FOLDS
from molweight.screening.trials import Trial, Trials, best_method, run_trials, try_method
from molweight.tasks.early_stopping import FinetuneRecord
from molweight.text.baselines import Tfidf
from molweight.text.budgets import find_text_budget
from molweight.text.cleaning import same_words
from molweight.text.data import TextData
from molweight.text.finetune import finetune_text
from molweight.text.members import TextCrossFitted, TextMember, cross_fit_texts, text_folds
from molweight.text.methods import TEXT_METHODS, TextJob, find_text_methods
from molweight.text.metrics import TEXT_METRICS, TextMetric, score
from molweight.text.model import TextAbout, TextModel, calibrated_texts
from molweight.text.tokenisable import tokenisable
from molweight.text.training_set import TextTrainingSet
from molweight.tokens.store import TokenStore

METRIC = {"classification": "macro_f1", "regression": "rmse"}
_TENTHS = 10


@dataclass(frozen=True)
class TextAdaptConfig:
    """What adapting is asked to do.

    Attributes:
        methods: comma-separated names of those to try.
        budget: steps and seeds that each may spend.
        objectives: of continued pretraining.
        metric: that chooses; None for macro F1 of classes and the root mean square error of values.
        max_length: most tokens of a text that are read.
        seed: of all random choices.
        model: encoder that the methods start from.
        compute: device and precision.
        download: whether the encoder may be fetched from the hub.
    """

    methods: str = "tfidf,finetune,mlm,equal,tapweight"
    budget: str = "standard"
    objectives: tuple[str, ...] = tuple(TEXT_OBJECTIVES)
    metric: str | None = None
    max_length: int = 128
    seed: int = 0
    model: str = DEFAULT_TEXT
    compute: Compute = field(default_factory=choose_compute)
    download: bool = False

    def __post_init__(self) -> None:
        find_text_methods(self.methods)
        find_text_budget(self.budget)
        if self.seed < 0:
            raise ConfigError(f"--seed must not be negative, got {self.seed}")
        if self.metric is not None and self.metric not in TEXT_METRICS:
            raise ConfigError(f"unknown metric {self.metric!r}; there are {', '.join(TEXT_METRICS)}")

    @property
    def seeds(self) -> list[int]:
        """Those of each method's trials."""
        return [self.seed + number for number in range(SEEDS[self.budget])]

    def metric_of(self, data: TextData) -> TextMetric:
        """The one that chooses.

        Raises:
            ConfigError: if the one asked for is of the other kind of labels.
        """
        found = TEXT_METRICS[self.metric or METRIC[data.kind]]
        if found.kind != data.kind:
            fitting = ", ".join(m.name for m in TEXT_METRICS.values() if m.kind == data.kind)
            raise ConfigError(f"--metric {found.name} is not one of {data.kind}; there are {fitting}")
        return found


@dataclass(frozen=True)
class TextAdapted:
    """What adapting came to.

    Attributes:
        training: the labelled texts.
        config: what was asked.
        split: on which the methods were tried.
        metric: that chose.
        trials: of every method and seed.
        test: test score of every method, by seed.
        fitted: the ensemble, with predictions by members that had not seen the text.
        model: the same, calibrated.
        encoder: facts of the encoder that the methods started from.
        truncated: labelled texts of which only the beginning is read.
        unlabelled: texts of continued pretraining beside the labelled ones.
        seconds: in all.
    """

    training: TextTrainingSet
    config: TextAdaptConfig
    split: Split
    metric: TextMetric
    trials: tuple[Trial, ...]
    test: dict[str, list[float]]
    fitted: TextCrossFitted
    model: TextModel
    encoder: dict[str, str | int]
    truncated: int
    unlabelled: int
    seconds: float

    @property
    def method(self) -> str:
        """The one that was chosen."""
        return self.model.about.method


def adapt_texts(
    training: TextTrainingSet,
    config: TextAdaptConfig,
    checkpoint: LoadedText,
    kept: Trials,
    unlabelled: Sequence[str] = (),
) -> TextAdapted:
    """Try the methods, choose one by validation, and fit an ensemble of it on all labelled texts.

    Every method and seed learns from the train part and is judged on the validation part; the test part is
    predicted, but scored only once the choice is made. The members of the ensemble are fitted on all parts,
    each without one of five random folds, on which it is calibrated. A member that is a network begins
    from an encoder of the chosen method's trials: its continued pretraining saw no label but through the
    objective weights.

    Args:
        training: labelled texts, which the tokeniser can read.
        config: what to do.
        checkpoint: to start from; left as it is.
        kept: folder of finished trials, begun.
        unlabelled: texts to pretrain on beside the labelled ones.

    Raises:
        ConfigError: if the metric does not fit the labels.
        FloatingPointError: if training fails.
    """
    began = time.perf_counter()
    data, metric = training.data, config.metric_of(training.data)
    store = checkpoint.tokeniser.tokenise(data.texts, data.pairs, config.max_length)
    split = draw_split(data, config.seed)
    corpus = _corpus(data, split, unlabelled, checkpoint, config)
    trials = _run_trials(data, store, split, metric, corpus, config, checkpoint, kept)
    method = best_method(trials, metric)
    announce(f"chosen by validation: {method}")
    chosen = [trial for trial in trials if trial.method == method]
    fitted = _fit_ensemble(data, store, metric, config, checkpoint, chosen)
    about = TextAbout(
        data.kind,
        training.target,
        training.text_column,
        training.pair_column,
        data.classes,
        method,
        metric.name,
        config.max_length,
    )
    return TextAdapted(
        training,
        config,
        split,
        metric,
        tuple(trials),
        _test_scores(trials, metric, data.labels[split.test]),
        fitted,
        calibrated_texts(about, fitted, data, checkpoint.tokeniser),
        checkpoint.about,
        store.truncated,
        0 if corpus is None else len(unlabelled),
        time.perf_counter() - began,
    )


def draw_split(data: TextData, seed: int) -> Split:
    """Eight random tenths to train, one to valid and one to test, with an equal share of every class."""
    tenth = text_folds(data, _TENTHS, seed)
    return Split(*(np.flatnonzero(part).astype(np.int64) for part in (tenth > 1, tenth == 1, tenth == 0)))


def _run_trials(
    data: TextData,
    store: TokenStore,
    split: Split,
    metric: TextMetric,
    corpus: TokenStore | None,
    config: TextAdaptConfig,
    checkpoint: LoadedText,
    kept: Trials,
) -> list[Trial]:
    blind = data.hide_labels(split.test)

    def attempt(method: str, seed: int, advance: Advance) -> Trial:
        job = TextJob(
            blind,
            store,
            split,
            metric,
            find_text_budget(config.budget),
            config.compute,
            seed,
            checkpoint,
            config.objectives,
            corpus,
            kept.snapshot(method, seed),
            advance,
        )
        return try_method(method, TEXT_METHODS[method], job)

    return run_trials(find_text_methods(config.methods), config.seeds, kept, metric.name, attempt)


def _test_scores(
    trials: Sequence[Trial], metric: TextMetric, labels: NDArray[np.float32]
) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    for trial in trials:
        scores.setdefault(trial.method, []).append(score(metric, labels, trial.predicted).value)
    return scores


def _fit_ensemble(
    data: TextData,
    store: TokenStore,
    metric: TextMetric,
    config: TextAdaptConfig,
    checkpoint: LoadedText,
    chosen: Sequence[Trial],
) -> TextCrossFitted:
    folds = text_folds(data, FOLDS, config.seed)
    fit = partial(_fit_member, data, store, metric, config, checkpoint, chosen)
    return cross_fit_texts(fit, data, store, folds, config.seed)


def _fit_member(
    data: TextData,
    store: TokenStore,
    metric: TextMetric,
    config: TextAdaptConfig,
    checkpoint: LoadedText,
    chosen: Sequence[Trial],
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    number: int,
) -> TextMember:
    trial, seed = chosen[number % len(chosen)], config.seed + number
    if not trial.encoder:
        return Tfidf.fit(data, train, valid, metric, seed)
    settings = find_text_budget(config.budget).finetune
    encoder = copy.deepcopy(checkpoint.encoder)
    encoder.load_state_dict(dict(trial.encoder))
    with progress_bar(f"member {number + 1} of {FOLDS}") as advance:

        def show(record: FinetuneRecord) -> None:
            advance(record.epoch + 1, settings.epochs, f"valid {metric.name} {record.valid:.3f}")

        return finetune_text(encoder, data, store, train, valid, metric, settings, config.compute, seed, show)


def _corpus(
    data: TextData,
    split: Split,
    unlabelled: Sequence[str],
    checkpoint: LoadedText,
    config: TextAdaptConfig,
) -> TokenStore | None:
    """Train texts and the unlabelled ones, but for those that validate or test; None without any."""
    if not unlabelled:
        return None
    judging = data.take(np.concatenate([split.valid, split.test]))
    kept_out = {line for row in range(len(judging)) for line in same_words(judging, row).split("\n")}
    more = [text for text in unlabelled if " ".join(text.split()) not in kept_out]
    train = data.take(split.train)
    texts = [*train.texts, *(train.pairs or ()), *more]
    readable = tokenisable(checkpoint.tokeniser, texts, None, config.max_length)
    texts = [text for text, usable in zip(texts, readable, strict=True) if usable]
    return checkpoint.tokeniser.tokenise(texts, None, config.max_length)
