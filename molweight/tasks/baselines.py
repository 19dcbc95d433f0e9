"""Random forest on fingerprints: the first line a sceptic looks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray

from molweight.molecules.fingerprints import ecfp4
from molweight.tasks.data import TaskData

TREES = 500
MANY = 500  # molecules: below, starting processes would take longer than the work


@dataclass(frozen=True)
class RandomForest:
    """A forest for each task, on the molecules that have its label; None where there is nothing to learn."""

    forests: list[object | None]
    constants: list[float]

    @classmethod
    def fit(cls, data: TaskData, train: NDArray[np.int64], seed: int) -> "RandomForest":
        """500 trees for each task; classes weighted against imbalance.

        Args:
            data: labels outside `train` are not read.
            train: molecules to learn from.
            seed: of the forests.
        """
        features = ecfp4([data.smiles[i] for i in train])
        forests, constants = [], []
        for column in data.labels[train].T:
            present = ~np.isnan(column)
            constants.append(float(column[present].mean()) if present.any() else 0.0)
            learnable = len(np.unique(column[present])) > 1
            forests.append(_fit(data.kind, seed, features[present], column[present]) if learnable else None)
        return cls(forests, constants)

    def predict(self, smiles: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of class 1, or values: [molecules, tasks]."""
        features = ecfp4(smiles)
        columns = [
            np.full(len(features), constant) if forest is None else _predict(forest, features)
            for forest, constant in zip(self.forests, self.constants, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float32)


def _fit(kind: str, seed: int, features: NDArray[np.uint8], labels: NDArray[np.float32]) -> object:
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


def _predict(forest, features: NDArray[np.uint8]) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    return (
        forest.predict_proba(features)[:, 1] if hasattr(forest, "predict_proba") else forest.predict(features)
    )
