"""Words and pairs of words, weighted and put to a linear model: the first line a sceptic looks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.text.data import TextData
from molweight.text.metrics import TextMetric

TOKENS = r"\[sep\]|\w+|[^\w\s]+"  # marks count too: they say which words a relation is asked of
SEPARATOR = " [SEP] "
MOST = 100_000  # words and pairs kept, the commonest; bounds memory on long reviews
STRENGTHS = (1.0, 10.0, 0.1, 100.0)  # C of the logistic regression, 1 / alpha of ridge; first of equals
ABSENT = -20.0  # log-probability of a class that no text of train has


@dataclass(frozen=True)
class Tfidf:
    """A fitted baseline.

    Attributes:
        vectoriser: from texts to TF-IDF rows.
        coefficients: of the words, float64 [classes known, words], or [1, words] for values.
        intercept: float64 [classes known] or [1].
        columns: numbers of the classes that train had, int64 [classes known]; empty for values.
        outputs: numbers given for a text.
        strength: the one chosen on the validation part.
    """

    vectoriser: Any
    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    columns: NDArray[np.int64]
    outputs: int
    strength: float

    @classmethod
    def fit(
        cls,
        data: TextData,
        train: NDArray[np.int64],
        valid: NDArray[np.int64],
        metric: TextMetric,
        seed: int,
    ) -> "Tfidf":
        """Fit every strength on train and keep the best on valid, the first listed where they tie.

        Args:
            data: labels outside `train` and `valid` are not read.
            train: texts to learn from, every one with a label.
            valid: texts to choose the strength by; where empty, 1 is taken.
            metric: what is best.
            seed: of the solver.
        """
        vectoriser, features = _vectorise(joined(data.take(train)))
        strengths = STRENGTHS if len(valid) else (1.0,)
        fits = [_fit(data, train, vectoriser, features, strength, seed) for strength in strengths]
        if len(fits) == 1:
            return fits[0]
        held_out = data.take(valid)
        scores = [metric.of(held_out.labels, f.predict(held_out.texts, held_out.pairs)) for f in fits]
        return fits[int(np.argmax(scores if metric.higher_is_better else np.negative(scores)))]

    def predict(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Log-probabilities [texts, classes], or values [texts, 1]."""
        features = self.vectoriser.transform(joined_texts(texts, pairs))
        linear = np.asarray(features @ self.coefficients.T) + self.intercept
        if not len(self.columns):
            return linear.astype(np.float32)
        outputs = np.full((len(texts), self.outputs), ABSENT, np.float32)
        outputs[:, self.columns] = linear - np.logaddexp.reduce(linear, axis=1, keepdims=True)
        return np.maximum(outputs, ABSENT)


def joined(data: TextData) -> list[str]:
    """Each row as one text."""
    return joined_texts(data.texts, data.pairs)


def joined_texts(texts: Sequence[str], pairs: Sequence[str] | None) -> list[str]:
    """The two texts of a pair with a separator between them."""
    return list(texts) if pairs is None else [a + SEPARATOR + b for a, b in zip(texts, pairs, strict=True)]


def vectoriser_of(vocabulary: dict[str, int] | None = None) -> Any:
    """Scikit-learn's, not yet fitted; with a vocabulary it lacks its inverse frequencies only."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=TOKENS,
        sublinear_tf=True,
        max_features=MOST,
        vocabulary=vocabulary,
    )


def _vectorise(texts: list[str]) -> tuple[Any, Any]:
    vectoriser = vectoriser_of()
    return vectoriser, vectoriser.fit_transform(texts)


def _fit(
    data: TextData, train: NDArray[np.int64], vectoriser: Any, features: Any, strength: float, seed: int
) -> Tfidf:
    """One strength on the rows of train, [texts, words]; where train has one class, that class."""
    labels = data.labels[train]
    columns = np.unique(labels).astype(np.int64) if data.kind == "classification" else np.zeros(0, np.int64)
    if len(columns) == 1:
        coefficients, intercept = np.zeros((1, features.shape[1])), np.zeros(1)
    else:
        model = _linear(data.kind, strength, seed).fit(features, labels)
        coefficients, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if len(columns) == 2:  # scikit-learn has one row for two classes: what speaks for the second
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros(1), intercept])
    return Tfidf(vectoriser, coefficients, intercept, columns, data.outputs, strength)


def _linear(kind: str, strength: float, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if kind == "classification":
        return LogisticRegression(C=strength, max_iter=2000, random_state=seed)
    return Ridge(alpha=1 / strength, random_state=seed)
