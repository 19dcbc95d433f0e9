"""Gradient boosting on fingerprints and descriptors together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from molweight.tasks.baselines import EachTask, Features, logits, picked, tree_features
from molweight.tasks.data import TaskData, TaskKind

ROUNDS = 100  # trees of each task
LEAF = 20  # molecules to a leaf, at least

# a split sees a tenth of the columns, as in a forest, and leaves are shrunk; values are better off without
OF_CLASSES = {"max_features": 0.1, "l2_regularization": 10.0}

# OpenMP's threads wait for each other at every split: beside other work, two take 100 times as long as one
_one_thread = partial(threadpool_limits, 1, user_api="openmp")


@dataclass(frozen=True)
class Boosting:
    """Boosted trees for each task on ECFP4 and RDKit's descriptors, of the molecules that have its label.

    Attributes:
        models: of each task, None where there is nothing to learn.
        constants: what is predicted there, a logit or a value.
    """

    models: list[object | None]
    constants: list[float]

    @classmethod
    def fit(cls, data: TaskData, train: NDArray[np.int64], seed: int) -> "Boosting":
        """100 trees for each task on histograms (as in LightGBM).

        Classes are not weighted against imbalance, so that probabilities are those of the molecules, as a
        network's are, and the mean of both is one, too.

        Args:
            data: labels outside `train` are not read.
            train: molecules to learn from.
            seed: of the columns that a split of classes sees; of the binning of over 200,000 molecules.

        Raises:
            ValueError: if the store of the data carries no descriptors.
        """
        features = tree_features(*picked(data.smiles, data.store, train), described=True)
        found = EachTask.fit(features, data.labels[train], partial(_fit, data.kind, seed))
        constants = np.array(found.constants, np.float32)
        if data.kind == "classification":
            constants = logits(constants)
        return cls(found.models, constants.tolist())

    def predict(self, smiles: Sequence[str], descriptors: Tensor | None = None) -> NDArray[np.float32]:
        """Logits, or values in the units of the labels: [molecules, tasks].

        Args:
            smiles: of the molecules.
            descriptors: of the same, as a store carries them.

        Raises:
            ValueError: if there are no descriptors.
        """
        features = tree_features(smiles, descriptors, described=True)
        return EachTask(self.models, self.constants).predict(features)


@dataclass(frozen=True)
class OnColumns:
    """scikit-learn's model, fitted on some of the columns."""

    model: Any
    columns: NDArray[np.int64]

    @property
    def trees(self) -> list[NDArray[np.void]]:
        """Nodes of each tree, as scikit-learn keeps them."""
        return [tree.nodes for (tree,) in self.model._predictors]

    @property
    def base(self) -> float:
        """What the trees add to."""
        return float(self.model._baseline_prediction[0, 0])

    def predict(self, features: Features) -> NDArray[np.float64]:
        """Logit or value of each row of all columns."""
        classifies = hasattr(self.model, "decision_function")
        say = self.model.decision_function if classifies else self.model.predict
        with _one_thread():
            said: NDArray[np.float64] = say(features[:, self.columns])
        return said


def splittable(features: Features, leaf: int) -> NDArray[np.int64]:
    """Columns that can be split with `leaf` rows or more on both sides, and those with missing values.

    A tree that may not make smaller leaves can do nothing with the others, most bits of a fingerprint on a
    small data set: one that sees all columns is the same without them, and one that draws some draws none in
    vain. The first column is kept where there would be none.
    """
    rows = len(features)
    if rows < 2 * leaf:
        return np.zeros(1, np.int64)
    ordered = np.partition(features, (leaf - 1, rows - leaf), axis=0)
    useful = (ordered[leaf - 1] < ordered[rows - leaf]) | np.isnan(features).any(axis=0)
    return np.flatnonzero(useful) if useful.any() else np.zeros(1, np.int64)


def _fit(kind: TaskKind, seed: int, features: Features, labels: NDArray[np.float32]) -> object:
    """No part of the labels is held out to stop early, so that it learns from as many as the forest."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    # the time goes into columns and bins, and 63 bins are what LightGBM advises where it counts
    settings = {"max_iter": ROUNDS, "max_bins": 63, "min_samples_leaf": LEAF, "early_stopping": False}
    boosting = (
        HistGradientBoostingClassifier(random_state=seed, **settings, **OF_CLASSES)
        if kind == "classification"
        else HistGradientBoostingRegressor(random_state=seed, **settings)
    )
    columns = splittable(features, LEAF)
    with _one_thread():
        return OnColumns(boosting.fit(features[:, columns], labels), columns)
