"""What an adapted model says of its own molecules when each is kept out of all that judges it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.screening.adapt import Adapted
from molweight.screening.calibration import PlattScaling
from molweight.screening.domain import Domain
from molweight.screening.model import COVERAGE
from molweight.tasks.baselines import logits
from molweight.tasks.data import TaskKind

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Predictions of every molecule by the member that never saw it, judged by the other folds alone.

    Attributes:
        value: values, or probabilities of class 1 by a scaling fitted on the other folds:
            float64 [molecules, tasks].
        margin: half the width of the 90 % interval that the residuals of the other folds give a single
            member: float64 [molecules, tasks], ∞ where they are too few; zeros for classification.
        fit: how well the measured label fits in, as a p-value against the molecules of the other folds (for
            classification those of the same class): float64 [molecules, tasks], NaN without a label. The
            label is inside the interval or set of coverage 1 − α where this is above α.
        similarity: Tanimoto, to the nearest molecule of the other folds, float64 [molecules].
    """

    value: Values
    margin: Values
    fit: Values
    similarity: Values


def hold_out(adapted: Adapted) -> HeldOut:
    """Judge each fold by the others: its own residuals have no part in its scaling and intervals.

    The residuals of the other folds come from members that did see the molecule, as in the intervals of
    the model itself; but the centre is that of the one member that did not, and the width that of a single
    member, which errs by more than the ensemble.
    """
    data, folds, raw = adapted.training.data, adapted.fitted.folds, adapted.fitted.out_of_fold
    value, margin = raw.astype(np.float64), np.zeros(raw.shape)
    fit, similarity = np.full(raw.shape, np.nan), np.zeros(len(raw))
    domain = adapted.model.domain
    for fold in range(int(folds.max()) + 1):
        own, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        strange = strangeness(data.labels[rest], raw[rest], data.kind)
        if data.kind == "classification":
            value[own] = PlattScaling.fit(raw[rest], data.labels[rest]).apply(raw[own])
        else:
            margin[own] = [_margin(column, COVERAGE) for column in strange.T]
        fit[own] = fits(data.labels[own], raw[own], data.labels[rest], raw[rest], data.kind)
        others = Domain(domain.fingerprints[rest], domain.threshold)
        similarity[own] = others.nearest([data.smiles[i] for i in own.tolist()]).similarity
    return HeldOut(value, margin, fit, similarity)


def fits_of_test(adapted: Adapted) -> Values:
    """How well labels of the test part fit in, with the chosen method's trials: [seeds, molecules, tasks].

    The trials saw neither the test molecules nor, on a scaffold split, their scaffolds; the residuals they
    are held against are those of the molecules outside the test part, each from the member that did not
    see it. So this is what intervals calibrated on random folds are worth on new scaffolds.
    """
    data, test = adapted.training.data, adapted.split.test
    outside = np.setdiff1d(np.arange(len(data.labels)), test)
    known = data.labels[outside], adapted.fitted.out_of_fold[outside]
    found = []
    for trial in adapted.trials:
        if trial.method == adapted.method:
            network = bool(trial.encoder) or data.kind == "regression"
            outputs = trial.predicted if network else logits(trial.predicted)
            found.append(fits(data.labels[test], outputs, *known, data.kind))
    return np.stack(found)


def coverage_reached(fit: Values, level: float) -> float:
    """Share of the labels whose interval or set of this coverage holds them; NaN without labels."""
    present = fit[~np.isnan(fit)]
    return float((present > round(1 - level, 9)).mean()) if len(present) else float("nan")


def strangeness(labels: NDArray[np.float32], outputs: NDArray[np.float32], kind: TaskKind) -> Values:
    """How badly a label fits an output: the residual, or the logit of the other class; same shapes."""
    truth, found = labels.astype(np.float64), outputs.astype(np.float64)
    return np.abs(truth - found) if kind == "regression" else (1 - 2 * truth) * found


def fits(
    labels: NDArray[np.float32],
    outputs: NDArray[np.float32],
    known_labels: NDArray[np.float32],
    known_outputs: NDArray[np.float32],
    kind: TaskKind,
) -> Values:
    """Conformal p-values of labels, (1 + #{known at least as strange}) / (n + 1), [molecules, tasks].

    Args:
        labels: [molecules, tasks], NaN where missing.
        outputs: values or logits, [molecules, tasks].
        known_labels: of the molecules that are compared with, [known, tasks].
        known_outputs: likewise.
        kind: of the tasks; classes are compared each with its own.
    """
    asked, known = strangeness(labels, outputs, kind), strangeness(known_labels, known_outputs, kind)
    found = np.full(labels.shape, np.nan)
    for task in range(labels.shape[1]):
        for group in (None,) if kind == "regression" else (0, 1):
            mine, others = _group(labels[:, task], group), _group(known_labels[:, task], group)
            reference = np.sort(known[others, task])
            as_strange = len(reference) - np.searchsorted(reference, asked[mine, task], side="left")
            found[mine, task] = (1 + as_strange) / (len(reference) + 1)
    return found


def _group(labels: NDArray[np.float32], group: int | None) -> NDArray[np.bool_]:
    return ~np.isnan(labels) if group is None else labels == group


def _margin(residuals: Values, coverage: float) -> float:
    present = np.sort(residuals[~np.isnan(residuals)])
    rank = int(np.ceil(round(coverage * (len(present) + 1), 9)))
    return float(present[rank - 1]) if rank <= len(present) else np.inf
