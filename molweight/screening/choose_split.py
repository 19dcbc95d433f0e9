"""The split on which methods are tried: by scaffold, where that leaves something to learn and choose from."""

import numpy as np

from molweight.errors import DataError
from molweight.molecules.splits import Split, random_scaffold_split, random_split, scaffold_split
from molweight.tasks.data import TaskData
from molweight.tasks.metrics import Metric, score

DRAWS = 20  # of each random split


def choose_split(data: TaskData, metric: Metric, seed: int) -> tuple[Split, str]:
    """The first split that can be used, and how it was drawn.

    The deterministic scaffold split may leave one class in a part of a small or imbalanced set: then whole
    scaffolds are dealt out at random, and as a last resort molecules. Labels of the test part are not
    looked at.

    Args:
        data: molecules and labels.
        metric: that is to be computed on the train and the validation part.
        seed: of the random splits.

    Raises:
        DataError: if there is none, because labels or one class are too rare.
    """
    if _usable(data, split := scaffold_split(data.smiles), metric):
        return split, "scaffold"
    for name, splitter in (("random-scaffold", random_scaffold_split), ("random", random_split)):
        for draw in range(seed, seed + DRAWS):
            if _usable(data, split := splitter(data.smiles, draw), metric):
                return split, name
    raise DataError(
        f"{len(data.smiles)} molecules: no split leaves both parts labels that {metric.name} can be computed "
        "on; measure more molecules, or more of the rarer class"
    )


def _usable(data: TaskData, split: Split, metric: Metric) -> bool:
    parts = [data.labels[part] for part in (split.train, split.valid)]
    return len(split.test) > 0 and not any(
        np.isnan(score(metric, labels, np.zeros_like(labels), data.tasks).value) for labels in parts
    )
