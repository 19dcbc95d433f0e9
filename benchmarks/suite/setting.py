"""What the cells of one data set and split have in common, as the results folder has it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.bench import check_split, make_splits
from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.loading import Loaded, load_data_set
from molweight.benchmarks.suite.pool import Pool, read_pool
from molweight.benchmarks.suite.work import Chosen, Terms
from molweight.molecules.splits import Split
from molweight.tasks.data import TaskData
from molweight.tasks.metrics import METRICS


@dataclass(frozen=True)
class Prepared:
    """A data set as it was read, and for each seed its split and what may be pretrained on of a pool."""

    loaded: Loaded
    splits: list[Split]
    pool: Pool | None
    chosen: list[Chosen | None]

    def test_labels(self, seed: int) -> NDArray[np.float32]:
        """Of the test molecules, [molecules, tasks], NaN where missing; for reports alone."""
        return self.loaded.data.labels[self.splits[seed].test]


def prepare(name: str, split: str, seeds: int, terms: Terms) -> Prepared:
    """Read a data set and draw its splits.

    Raises:
        DataError: if the data cannot be had, or a split leaves nothing to learn or choose from.
    """
    loaded = load_data_set(name, terms.data_dir)
    splits = make_splits(loaded.data, split, seeds)
    for each in splits:
        check_split(loaded.data, each, METRICS[DATA_SETS[name].metric], name, split)
    pool = None if terms.unlabelled is None else read_pool(terms.unlabelled)
    chosen = {each.digest: _choose(pool, loaded.data, each) for each in splits}
    return Prepared(loaded, splits, pool, [chosen[each.digest] for each in splits])


def _choose(pool: Pool | None, data: TaskData, split: Split) -> Chosen | None:
    return None if pool is None else Chosen(pool.sha256, pool.apart_from(data, split))


def setting_json(name: str, split: str, prepared: Prepared) -> dict[str, Any]:
    """The content of `setting.json`: digests and sizes are one for each seed."""
    data = prepared.loaded.data
    return {
        "data_set": name,
        "note": DATA_SETS[name].note,
        "kind": data.kind,
        "metric": DATA_SETS[name].metric,
        "tasks": list(data.tasks),
        "split": split,
        "digests": [each.digest for each in prepared.splits],
        "sizes": [each.sizes for each in prepared.splits],
        "rejected": len(prepared.loaded.rejected),
        "sha256": list(prepared.loaded.sha256),
        "unlabelled": _unlabelled(prepared),
    }


def _unlabelled(prepared: Prepared) -> dict[str, Any] | None:
    """The pool, the molecules taken of it, and those left out because they validate or test."""
    if prepared.pool is None:
        return None
    taken = [len(each.molecules) for each in prepared.chosen if each is not None]
    return {
        "file": prepared.pool.path.name,
        "sha256": prepared.pool.sha256,
        "molecules": taken,
        "left_out": [len(prepared.pool.smiles) - number for number in taken],
    }
