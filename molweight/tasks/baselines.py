"""Models without a network on fingerprints and descriptors: the first lines a sceptic looks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.molecules.batch import carried, rows_of
from molweight.molecules.fingerprints import ecfp4
from molweight.molecules.store import Store
from molweight.tasks.data import TaskData

TREES = 500  # of a forest
MANY = 500  # molecules: below, starting processes would take longer than the work

Features = NDArray[Any]  # [molecules, columns]
FitTask = Callable[[Features, NDArray[np.float32]], object]  # features and labels of one task to a model


@dataclass(frozen=True)
class EachTask:
    """A model for each task, on the molecules that have its label; None where there is nothing to learn."""

    models: list[object | None]
    constants: list[float]

    @classmethod
    def fit(cls, features: Features, labels: NDArray[np.float32], fit: FitTask) -> "EachTask":
        """A task of one class, or of one value, or without a label gets a constant.

        Args:
            features: [molecules, columns].
            labels: [molecules, tasks], NaN where missing.
            fit: of one task.
        """
        models, constants = [], []
        for column in labels.T:
            present = ~np.isnan(column)
            constants.append(float(column[present].mean()) if present.any() else 0.0)
            learnable = len(np.unique(column[present])) > 1
            models.append(fit(features[present], column[present]) if learnable else None)
        return cls(models, constants)

    def predict(self, features: Features) -> NDArray[np.float32]:
        """What the models say, probabilities of class 1 where they tell them: [molecules, tasks]."""
        columns = [
            np.full(len(features), constant) if model is None else _predict(model, features)
            for model, constant in zip(self.models, self.constants, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True)
class RandomForest:
    """A forest for each task, on the molecules that have its label.

    Attributes:
        forests: of each task, None where there is nothing to learn.
        constants: what is predicted there.
        described: whether they read RDKit's descriptors beside ECFP4.
    """

    forests: list[object | None]
    constants: list[float]
    described: bool = False

    @classmethod
    def fit(
        cls, data: TaskData, train: NDArray[np.int64], seed: int, described: bool = False
    ) -> "RandomForest":
        """500 trees for each task; classes weighted against imbalance.

        Args:
            data: labels outside `train` are not read.
            train: molecules to learn from.
            seed: of the forests.
            described: whether they read the descriptors that the store carries.

        Raises:
            ValueError: if they do, and it carries none.
        """
        features = tree_features(*picked(data.smiles, data.store, train), described)
        found = EachTask.fit(features, data.labels[train], lambda x, y: fit_forest(data.kind, seed, x, y))
        return cls(found.models, found.constants, described)

    def predict(self, smiles: Sequence[str], descriptors: Tensor | None = None) -> NDArray[np.float32]:
        """Probabilities of class 1, or values: [molecules, tasks].

        Args:
            smiles: of the molecules.
            descriptors: of the same, as a store carries them.

        Raises:
            ValueError: if the forests read descriptors, and there are none.
        """
        features = tree_features(smiles, descriptors, self.described)
        return EachTask(self.forests, self.constants).predict(features)


def picked(
    smiles: Sequence[str], store: Store, molecules: NDArray[np.int64]
) -> tuple[list[str], Tensor | None]:
    """SMILES of some molecules of a store, and their descriptors where it carries them."""
    return [smiles[i] for i in molecules], rows_of(store.descriptors, torch.from_numpy(molecules))


def tree_features(smiles: Sequence[str], descriptors: Tensor | None, described: bool) -> Features:
    """What trees split on: the bits of ECFP4, and behind them descriptors, on the scale of the store.

    Args:
        smiles: of the molecules.
        descriptors: of the same, as a store carries them.
        described: whether descriptors are read.

    Raises:
        ValueError: if they are, and there are none.
    """
    bits = ecfp4(smiles)
    if not described:
        return bits
    values = carried(descriptors, "descriptors").float().nan_to_num()  # no value is the mean of all data sets
    return np.hstack([bits, values.cpu().numpy()])


def logits(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a forest's probabilities, as far from 0 and 1 as its number of trees can tell; same shape."""
    least = 1 / (2 * TREES)  # what a forest of so many trees cannot tell from never
    p = probability.clip(least, 1 - least).astype(np.float64)
    found: NDArray[np.float32] = np.log(p / (1 - p)).astype(np.float32)
    return found


def fit_forest(kind: str, seed: int, features: Features, labels: NDArray[np.float32]) -> object:
    """The same forest on one core as on many.

    Never in threads, where scikit-learn's would reset the interpreter's one list of warning filters under
    each other's hands.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    classifies = kind == "classification"
    forest = (
        RandomForestClassifier(TREES, class_weight="balanced", random_state=seed)
        if classifies
        else RandomForestRegressor(TREES, random_state=seed)
    )
    with joblib.parallel_config("loky", n_jobs=-1 if len(features) > MANY else 1):
        return forest.fit(features, labels)


def _predict(model, features: Features) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    return model.predict_proba(features)[:, 1] if hasattr(model, "predict_proba") else model.predict(features)
