"""How right predictions are, as scikit-learn's estimators say it, where labels may be missing."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, r2_score

from molweight.errors import DataError
from molweight.tasks.data import TaskKind


def score(kind: TaskKind, predicted: NDArray[Any], y: Any, weights: Any) -> float:
    """R² or accuracy over the labels that are there, a mean over the tasks that have any.

    Args:
        kind: of the tasks.
        predicted: values or classes, [n] or [n, tasks].
        y: the truth, of the same shape.
        weights: of the molecules, [n], or None.

    Raises:
        DataError: if the shapes differ.
    """
    truth = pd.DataFrame(y)
    table = pd.DataFrame(predicted)
    if truth.shape != table.shape:
        raise DataError(f"y is {list(truth.shape)}, predictions are {list(table.shape)}")
    measure = r2_score if kind == "regression" else accuracy_score
    found = []
    for task in range(table.shape[1]):
        present = truth.iloc[:, task].notna().to_numpy()
        if present.any():
            share = None if weights is None else np.asarray(weights)[present]
            labels = truth.iloc[:, task].to_numpy()[present]
            found.append(measure(labels, table.iloc[:, task].to_numpy()[present], sample_weight=share))
    return float(np.mean(found)) if found else float("nan")
