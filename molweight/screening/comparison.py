"""How the methods compare on the split, and what the numbers allow to be said of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.reports.words import label
from molweight.screening.adapt import Adapted
from molweight.screening.bootstrap import draw_counts, resampled_score, standard_error
from molweight.screening.findings import counted
from molweight.screening.members import FOLDS
from molweight.tasks.variants import AT

REFERENCES = {
    "rf": "a random forest",
    "rf-descriptors": "a random forest with descriptors",
    "gbdt": "gradient boosting",
    "finetune": "plain fine-tuning",
}
IN_WORDS = {
    "rf": "random forest on ECFP4 fingerprints",
    "rf-descriptors": "random forest on ECFP4 fingerprints and RDKit's descriptors",
    "gbdt": "gradient boosting on ECFP4 fingerprints and RDKit's descriptors",
    "scratch": "network trained from random weights",
    "finetune": "pretrained network, fine-tuned",
    "single-attribute-masking": "pretraining continued with attribute masking alone, then fine-tuned",
    "single-context-prediction": "pretraining continued with context prediction alone, then fine-tuned",
    "single-contrastive": "pretraining continued with contrastive learning alone, then fine-tuned",
    "single-edge-prediction": "pretraining continued with edge prediction alone, then fine-tuned",
    "single-descriptor-prediction": "pretraining continued with descriptor prediction alone, then fine-tuned",
    "equal": "pretraining continued with equal objective weights, then fine-tuned",
    "random-1": "continued pretraining at one random weighting",
    "random-20": "the best by validation of 20 random weightings of continued pretraining",
    "uncertainty": "pretraining continued with weights by learned uncertainty, then fine-tuned",
    "gradnorm": "pretraining continued with weights that equalise gradient norms, then fine-tuned",
    "cosine": "pretraining continued with weights by gradients' cosines with the task's, then fine-tuned",
    "upgrad": "pretraining continued along a direction that opposes no objective, then fine-tuned",
    "fixed-learned": "pretraining continued anew with the weights that tapweight ends with, then fine-tuned",
    "tapweight": "pretraining continued with learned objective weights, then fine-tuned",
    "tapweight-cg": "as tapweight, with conjugate gradients for the best response",
    "tapweight-strength": "as tapweight, with the overall strength learned too",
    "tapweight-folds": "as tapweight, judged by scaffold folds of the train molecules in turn",
}
SETTINGS_IN_WORDS = {
    "descriptors=true": "RDKit's descriptors",
    "fingerprints=true": "ECFP4",
    "forest=true": "a random forest beside it",
    "boosting=true": "gradient boosting beside it",
}
SPLIT_IN_WORDS = {
    "scaffold": "whole scaffolds, the largest for training and the rarest for the test",
    "random-scaffold": "whole scaffolds, dealt out at random",
    "random": "single molecules, dealt out at random because no split by scaffold left labels for every part",
}


def in_words(method: str) -> str:
    """What a method does, and in what a variant of it differs.

    >>> in_words("finetune@lr=1e-4@fingerprints=true@boosting=true")
    'pretrained network, fine-tuned, with lr=1e-4, ECFP4 and gradient boosting beside it'
    """
    base, *settings = method.split(AT)
    words = [SETTINGS_IN_WORDS.get(setting, setting) for setting in settings]
    listed = ", ".join([*words[:-2], " and ".join(words[-2:])])
    return IN_WORDS[base] + (f", with {listed}" if listed else "")


@dataclass(frozen=True)
class MethodScores:
    """What one method reached, by seed.

    Attributes:
        name: of the method.
        test: test scores; NaN where the test part cannot be scored.
        valid: validation scores.
        seconds: that each seed took.
    """

    name: str
    test: list[float]
    valid: list[float]
    seconds: list[float]


@dataclass(frozen=True)
class Difference:
    """The chosen method against another one on the test part.

    Attributes:
        other: name of the other.
        gains: of each seed, positive where the chosen one is better.
        error: bootstrap standard error of their mean, over the molecules of the test part.
    """

    other: str
    gains: list[float]
    error: float


def method_scores(adapted: Adapted) -> list[MethodScores]:
    """Every method in the order they were tried."""
    found = []
    for name, test in adapted.test.items():
        mine = [trial for trial in adapted.trials if trial.method == name]
        found.append(MethodScores(name, test, [t.valid for t in mine], [t.seconds for t in mine]))
    return found


def sampling_error(adapted: Adapted) -> float:
    """Bootstrap standard error of the chosen method's mean test score; NaN where there is none."""
    return standard_error(_resampled(adapted, adapted.method))


def differences(adapted: Adapted) -> list[Difference]:
    """The chosen method against trees and plain fine-tuning, as far as they were tried."""
    found, sign = [], 1 if adapted.metric.higher_is_better else -1
    for other in REFERENCES:
        if other in adapted.test and other != adapted.method:
            pairs = zip(adapted.test[adapted.method], adapted.test[other], strict=True)
            gains = [sign * (mine - theirs) for mine, theirs in pairs]
            drawn = _resampled(adapted, adapted.method) - _resampled(adapted, other)
            found.append(Difference(other, gains, standard_error(drawn)))
    return found


def digits_for(values: list[float]) -> int:
    """Decimals that leave the largest of some values three or four significant digits.

    >>> digits_for([0.5, 0.81]), digits_for([1250.0]), digits_for([0.00002])
    (3, 0, 7)
    """
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    magnitude = int(np.floor(np.log10(largest))) if largest > 0 else 0
    return max(0, 3 - magnitude) if magnitude >= 0 else 2 - magnitude


def score_sentence(adapted: Adapted) -> str:
    """The chosen method's test score and how sure it is."""
    mean, size = float(np.mean(adapted.test[adapted.method])), len(adapted.split.test)
    if np.isnan(mean):
        return (
            f"The test part, {counted(size, 'molecule')}, has labels of one class only or none, so that "
            f"no {label(adapted.metric.name)} can be given for it."
        )
    error, digits = sampling_error(adapted), digits_for([mean])
    told = (
        f"On the {counted(size, 'molecule')} of the test part, {adapted.method} has a "
        f"test {label(adapted.metric.name)} of {mean:.{digits}f}"
    )
    if np.isnan(error):
        return f"{told}; too few of them have a label of each class to tell how sure that is."
    return (
        f"{told}. A test part of {counted(size, 'molecule')} has a sampling error of its own, which no "
        f"number of seeds removes: about ±{error:.{digits}f} (bootstrap standard error)."
    )


def difference_sentences(adapted: Adapted) -> list[str]:
    """What the choice bought against the simple methods on the test part, no more than the numbers say."""
    digits = digits_for([float(np.mean(values)) for values in adapted.test.values()])
    found = [_difference_sentence(adapted.method, each, digits) for each in differences(adapted)]
    means = {name: float(np.mean(values)) for name, values in adapted.test.items()}
    sign = 1 if adapted.metric.higher_is_better else -1
    best = max(means, key=lambda name: sign * means[name] if np.isfinite(means[name]) else -np.inf)
    if best != adapted.method and sign * (means[best] - means[adapted.method]) > 0:
        found.append(
            f"{best} came out best on the test part, but the validation part did not tell; to choose it now "
            "would make the test score part of the choice."
        )
    return found


def ensemble_sentence(adapted: Adapted) -> str:
    """What the model that was kept is."""
    return (
        f"The model itself is an ensemble of {FOLDS} members of {adapted.method}, fitted on all parts "
        "together, each without one of five random folds; it has not been tested as a whole. The table "
        "tells of the method."
    )


def _difference_sentence(method: str, difference: Difference, digits: int) -> str:
    gain, seeds, error = float(np.mean(difference.gains)), len(difference.gains), difference.error
    other = f"{REFERENCES[difference.other]} ({difference.other})"
    if np.isnan(gain):
        return f"Against {other}, the test part cannot tell."
    better = sum(each > 0 for each in difference.gains)
    word = "better" if gain > 0 else "worse"
    told = f"Against {other}, {method} is {word} on the test part by {abs(gain):.{digits}f}"
    told += f", mean of {seeds} seeds (better in {better})" if seeds > 1 else ", with one seed"
    if gain == 0:
        told = f"Against {other}, {method} makes no difference on the test part"
    if np.isnan(error):
        return f"{told}; the test part is too small to say how sure that is."
    if abs(gain) > 2 * error:
        return f"{told}: more than twice its sampling error of ±{error:.{digits}f}."
    return (
        f"{told}: within twice its sampling error of ±{error:.{digits}f}, so that the choice of test "
        "molecules alone may explain it."
    )


def _resampled(adapted: Adapted, method: str) -> NDArray[np.float64]:
    labels = adapted.training.data.labels[adapted.split.test]
    predicted = [trial.predicted for trial in adapted.trials if trial.method == method]
    return resampled_score(adapted.metric, labels, predicted, draw_counts(len(labels)))
