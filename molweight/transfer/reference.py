"""A random forest for each task alone: what any learner of the run is to be held against.

A forest has no part that tasks could share, so there is none with samples of others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.folds import Fold
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import Setting

TREES = 100

Array = NDArray[np.float64]


def forest_alone(setting: Setting, fold: Fold) -> Array:
    """Scores of a forest for each task, from its own samples: [own, tasks], NaN where it has not so many."""
    tasks = range(len(setting.data.tasks))
    return np.stack([_over_sizes(setting, fold, i) for i in tasks], axis=1)


def _over_sizes(setting: Setting, fold: Fold, task: int) -> Array:
    order, test = fold.orders[task], fold.tests[task]
    labels, features = setting.data.labels[:, task].astype(np.float64), setting.features.values
    found = np.full(len(setting.grid.own), np.nan)
    for place, n in enumerate(setting.grid.own):
        if n <= len(order) and len(test):
            forest = _forest(setting).fit(features[order[:n]], labels[order[:n]])
            predicted = (
                forest.predict_proba(features[test])[:, -1]
                if setting.data.kind == "classification"
                else forest.predict(features[test])
            )
            found[place] = score_task(setting.data.kind, labels[test], predicted)
    return found


def _forest(setting: Setting) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if setting.data.kind == "classification":
        return RandomForestClassifier(TREES, class_weight="balanced", random_state=setting.config.seed)
    return RandomForestRegressor(TREES, max_features=1 / 3, random_state=setting.config.seed)
