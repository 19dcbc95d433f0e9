"""An adapted model of texts: an ensemble, what makes its outputs trustworthy, and what it predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.screening.conformal import CrossIntervals
from molweight.tasks.data import TaskKind
from molweight.text.baselines import Tfidf
from molweight.text.class_sets import CrossClassSets, Temperature
from molweight.text.data import TextData
from molweight.text.members import TextCrossFitted, TextMember, member_outputs
from molweight.tokens.store import TokenStore
from molweight.tokens.tokenise import Tokeniser

COVERAGE = 0.9
Values = NDArray[np.float64]


@dataclass(frozen=True)
class TextAbout:
    """What a model is, in words and names.

    Attributes:
        kind: of the labels.
        target: column of the labels.
        text_column: column of the texts.
        pair_column: column of the second texts, or None.
        classes: names in the order of their numbers; empty for values.
        method: that was chosen.
        metric: by which it was chosen.
        max_length: most tokens of a text that are read.
    """

    kind: TaskKind
    target: str
    text_column: str
    pair_column: str | None
    classes: tuple[str, ...]
    method: str
    metric: str
    max_length: int


@dataclass(frozen=True)
class TextPredicted:
    """Predictions for some texts.

    Attributes:
        value: values [texts, 1], or calibrated probabilities [texts, classes]: float64.
        spread: standard deviation over the members of the ensemble, of the same shape.
        lower: ends of the intervals, float64 [texts]; None for classes.
        upper: likewise.
        sets: whether a class is in the set, bool [texts, classes]; None for values.
        truncated: texts of which only the beginning was read.
    """

    value: Values
    spread: Values
    lower: Values | None
    upper: Values | None
    sets: NDArray[np.bool_] | None
    truncated: int


@dataclass(frozen=True)
class TextModel:
    """A fitted ensemble with its calibration.

    Attributes:
        about: what it is.
        members: one for each fold of the training texts.
        tokeniser: of the networks; None where the members know words only.
        temperature: from logits to probabilities; None for values.
        conformal: intervals for values, sets for classes.
    """

    about: TextAbout
    members: tuple[TextMember, ...]
    tokeniser: Tokeniser | None
    temperature: Temperature | None
    conformal: CrossIntervals | CrossClassSets

    def tokens(self, texts: Sequence[str], pairs: Sequence[str] | None) -> TokenStore | None:
        """The texts as the networks want them; None where there is no network.

        Raises:
            DataError: if a text is empty or has no character that the tokeniser keeps.
        """
        if self.tokeniser is None:
            return None
        return self.tokeniser.tokenise(texts, pairs, self.about.max_length)

    def predict(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, coverage: float = COVERAGE
    ) -> TextPredicted:
        """Predict texts.

        Args:
            texts: none empty; at least one.
            pairs: their partners, for a model of pairs.
            coverage: share of texts whose interval or set is to hold the truth.

        Raises:
            ConfigError: if the coverage is not from 0.5 to below 1.
            DataError: if a text is empty or has no character that the tokeniser keeps.
        """
        store = self.tokens(texts, pairs)
        outputs = np.stack([member_outputs(m, texts, pairs, store) for m in self.members])
        each = outputs.astype(np.float64) if self.temperature is None else self.temperature.apply(outputs)
        lower, upper, sets = None, None, None
        if isinstance(self.conformal, CrossIntervals):
            lower, upper = (ends[:, 0] for ends in self.conformal.intervals(each, coverage))
        else:
            sets = self.conformal.sets(each, coverage)
        truncated = 0 if store is None else store.truncated
        return TextPredicted(each.mean(0), each.std(0), lower, upper, sets, truncated)


def calibrated_texts(
    about: TextAbout, fitted: TextCrossFitted, data: TextData, tokeniser: Tokeniser
) -> TextModel:
    """A model out of a cross-fitted ensemble, calibrated on what its members had not seen.

    Args:
        about: what it is.
        fitted: the ensemble.
        data: what it was fitted on.
        tokeniser: of the networks.
    """
    needed = None if all(isinstance(member, Tfidf) for member in fitted.members) else tokeniser
    if data.kind == "regression":
        intervals = CrossIntervals.fit(fitted.out_of_fold, data.labels[:, None], fitted.folds, fitted.second)
        return TextModel(about, fitted.members, needed, None, intervals)
    temperature = Temperature.fit(fitted.out_of_fold, data.labels)
    sets = CrossClassSets.fit(temperature.apply(fitted.out_of_fold), data.labels, fitted.folds)
    return TextModel(about, fitted.members, needed, temperature, sets)


def held_out_probabilities(data: TextData, fitted: TextCrossFitted) -> Values:
    """Of each class, each fold with the temperature of the others: [texts, classes]."""
    found = np.empty(fitted.out_of_fold.shape)
    for fold in range(int(fitted.folds.max()) + 1):
        own, rest = fitted.folds == fold, fitted.folds != fold
        temperature = Temperature.fit(fitted.out_of_fold[rest], data.labels[rest])
        found[own] = temperature.apply(fitted.out_of_fold[own])
    return found


def held_out_fits(data: TextData, fitted: TextCrossFitted) -> Values:
    """How well each label fits in, as a p-value against the texts of the other folds alone: [texts].

    The label is in the set or interval of coverage 1 − α where this is above α. Each fold is calibrated
    by the others, so that it has no part in its own temperature.
    """
    found = np.empty(len(data))
    for fold in range(int(fitted.folds.max()) + 1):
        own, rest = fitted.folds == fold, fitted.folds != fold
        strange = _strangeness(data, fitted.out_of_fold, rest)
        for label in np.unique(data.labels[own]) if data.kind == "classification" else [None]:
            alike = np.ones(len(data), np.bool_) if label is None else data.labels == label
            known = np.sort(strange[rest & alike])
            as_strange = len(known) - np.searchsorted(known, strange[own & alike], side="left")
            found[own & alike] = (1 + as_strange) / (len(known) + 1)
    return found


def _strangeness(data: TextData, outputs: NDArray[np.float32], rest: NDArray[np.bool_]) -> Values:
    """How badly each label fits its output: the residual, or how improbable the class is: [texts]."""
    if data.kind == "regression":
        return np.abs(data.labels.astype(np.float64) - outputs[:, 0])
    probabilities = Temperature.fit(outputs[rest], data.labels[rest]).apply(outputs)
    return 1 - np.take_along_axis(probabilities, data.labels.astype(np.int64)[:, None], axis=1)[:, 0]
