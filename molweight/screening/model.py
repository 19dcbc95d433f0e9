"""An adapted model: an ensemble, what makes its outputs trustworthy, and what it predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.store import Store
from molweight.screening.calibration import PlattScaling
from molweight.screening.conformal import CrossIntervals, CrossSets
from molweight.screening.domain import Domain, Neighbours
from molweight.screening.members import CrossFitted, Member, head_inputs, outputs
from molweight.tasks.data import TaskData, TaskKind

COVERAGE = 0.9


@dataclass(frozen=True)
class About:
    """What a model is, in words and names.

    Attributes:
        kind: of all tasks.
        tasks: names of the target columns.
        classes: of each classification task, what 0 and 1 are called in its column; empty for regression.
        method: that was chosen.
        metric: by which it was chosen.
    """

    kind: TaskKind
    tasks: tuple[str, ...]
    classes: tuple[tuple[str, str], ...]
    method: str
    metric: str


@dataclass(frozen=True)
class Predicted:
    """Predictions for some molecules.

    Attributes:
        value: values, or calibrated probabilities of class 1: float64 [molecules, tasks].
        spread: standard deviation over the members of the ensemble: float64 [molecules, tasks].
        lower: ends of the intervals, float64 [molecules, tasks]; None for classification.
        upper: likewise.
        sets: whether classes 0 and 1 are in the set, bool [molecules, tasks, 2]; None for regression.
        neighbours: nearest training molecule of each.
    """

    value: NDArray[np.float64]
    spread: NDArray[np.float64]
    lower: NDArray[np.float64] | None
    upper: NDArray[np.float64] | None
    sets: NDArray[np.bool_] | None
    neighbours: Neighbours


def nothing(about: About) -> Predicted:
    """Predictions for no molecule at all."""
    none, tasks = np.zeros((0, len(about.tasks))), len(about.tasks)
    nobody = Neighbours(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_))
    if about.kind == "regression":
        return Predicted(none, none, none, none, None, nobody)
    return Predicted(none, none, None, None, np.zeros((0, tasks, 2), np.bool_), nobody)


@dataclass(frozen=True)
class Model:
    """A fitted ensemble with its calibration and its domain.

    Attributes:
        about: what it is.
        members: one for each fold of the training molecules.
        platt: scaling of each member's logits to probabilities; None for regression.
        conformal: intervals for values, sets for classes.
        domain: the training molecules' fingerprints.
        smiles: the training molecules, in the order of the domain.
    """

    about: About
    members: tuple[Member, ...]
    platt: PlattScaling | None
    conformal: CrossIntervals | CrossSets
    domain: Domain
    smiles: tuple[str, ...]

    def member_values(self, smiles: Sequence[str], store: Store) -> NDArray[np.float64]:
        """What each member predicts, values or probabilities: float64 [members, molecules, tasks]."""
        everything = np.arange(len(store))
        store = head_inputs(self.members).on(store, smiles, keep=False)  # libraries would fill the cache
        found = [outputs(member, smiles, store, everything, self.about.kind) for member in self.members]
        scaled = [f.astype(np.float64) if self.platt is None else self.platt.apply(f) for f in found]
        return np.stack(scaled)

    def ensemble(
        self, smiles: Sequence[str], store: Store
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation over the members, both [molecules, tasks]."""
        each = self.member_values(smiles, store)
        return each.mean(0), each.std(0)

    def predict(self, smiles: Sequence[str], store: Store, coverage: float = COVERAGE) -> Predicted:
        """Predict molecules that have been featurised.

        Args:
            smiles: of the molecules.
            store: their graphs, in the same order.
            coverage: share of molecules whose interval or set is to hold the truth.

        Raises:
            ConfigError: if the coverage is not from 0.5 to below 1.
        """
        each = self.member_values(smiles, store)
        lower, upper, sets = None, None, None
        if isinstance(self.conformal, CrossIntervals):
            lower, upper = self.conformal.intervals(each, coverage)
        else:
            sets = self.conformal.sets(each, coverage)
        return Predicted(each.mean(0), each.std(0), lower, upper, sets, self.domain.nearest(smiles))


def calibrated(about: About, fitted: CrossFitted, data: TaskData) -> Model:
    """A model out of a cross-fitted ensemble, calibrated on what its members had not seen.

    Args:
        about: what it is.
        fitted: the ensemble.
        data: what it was fitted on.
    """
    domain, smiles = Domain.fit(data.smiles), tuple(data.smiles)
    if data.kind == "regression":
        intervals = CrossIntervals.fit(fitted.out_of_fold, data.labels, fitted.folds, fitted.second)
        return Model(about, fitted.members, None, intervals, domain, smiles)
    platt = PlattScaling.fit(fitted.out_of_fold, data.labels)
    sets = CrossSets.fit(platt.apply(fitted.out_of_fold), data.labels, fitted.folds)
    return Model(about, fitted.members, platt, sets, domain, smiles)
