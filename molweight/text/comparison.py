"""How the methods compare on the test part, and how sure that is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.reports.words import label
from molweight.screening.findings import counted
from molweight.text.adapt import TextAdapted
from molweight.text.cleaning import FEW
from molweight.text.metrics import TextMetric

IN_WORDS = {
    "tfidf": "linear model of words and pairs of words",
    "finetune": "pretrained network, fine-tuned",
    "mlm": "pretraining continued by masked language modelling alone, then fine-tuned",
    "equal": "pretraining continued with equal objective weights, then fine-tuned",
    "tapweight": "pretraining continued with learned objective weights, then fine-tuned",
}
REFERENCES = ("tfidf", "finetune")
RESAMPLES = 300
_SEED = 0  # of the bootstrap


def bootstrap_scores(
    metric: TextMetric, labels: NDArray[np.float32], outputs: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Mean score over seeds on texts drawn again with replacement, the same draws for all: [resamples].

    Args:
        metric: figure of merit.
        labels: of the test part, [texts].
        outputs: of each seed, [texts, outputs].
    """
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(len(labels), size=(RESAMPLES, len(labels)))
    return np.array([np.mean([metric.of(labels[d], each[d]) for each in outputs]) for d in draws])


def score_sentences(adapted: TextAdapted) -> list[str]:
    """The chosen method's test score, what it bought against the simple methods, and how sure that is."""
    resampled = {
        method: _resampled(adapted, method)
        for method in adapted.test
        if method == adapted.method or method in REFERENCES
    }
    mean, name = float(np.mean(adapted.test[adapted.method])), label(adapted.metric.name)
    error = float(resampled[adapted.method].std())
    told = [
        f"On the {counted(len(adapted.split.test), 'text')} of the test part, {adapted.method} has a test "
        f"{name} of {mean:.3f}, with a sampling error of about ±{error:.3f} (bootstrap), which no number of "
        "seeds removes."
    ]
    if len(adapted.split.test) < FEW:
        told.append(f"A test part of fewer than {FEW} texts decides little.")
    for other in REFERENCES:
        if other in resampled and other != adapted.method:
            told.append(_difference(adapted, other, resampled[adapted.method] - resampled[other]))
    return told


def _difference(adapted: TextAdapted, other: str, gains: NDArray[np.float64]) -> str:
    sign = 1 if adapted.metric.higher_is_better else -1
    gain = sign * float(np.mean(adapted.test[adapted.method]) - np.mean(adapted.test[other]))
    word = "better" if gain > 0 else "worse" if gain < 0 else "no different"
    sure = (
        "more than twice its sampling error"
        if abs(gain) > 2 * gains.std()
        else "within twice its sampling error, so that the choice of test texts alone may explain it"
    )
    return f"Against {other}, it is {word} by {abs(gain):.3f} ± {gains.std():.3f}: {sure}."


def _resampled(adapted: TextAdapted, method: str) -> NDArray[np.float64]:
    labels = adapted.training.data.labels[adapted.split.test]
    outputs = [trial.predicted for trial in adapted.trials if trial.method == method]
    return bootstrap_scores(adapted.metric, labels, outputs)
