"""Random forests and boosted trees as plain arrays: nothing to unpickle, no pointer to lead astray."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.scaled_descriptors import DESCRIPTORS
from molweight.molecules.store import FINGERPRINT_BITS
from molweight.screening.stored import Arrays, refuse_unless, stored
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting, OnColumns

LEAF = 65_535  # where an inner node has its column
COLUMNS = FINGERPRINT_BITS + len(DESCRIPTORS)  # that a node may ask for: bits first
_MOLECULES = 2_048  # predicted at a time: the trees read float32, 8 or 9 kB a molecule

# columns of a tree's nodes, float32 thresholds of descriptors, and values of leaves
_Flat = tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.float64]]


@dataclass(frozen=True)
class TreeArrays:
    """The trees of every task, one after another, each in preorder (node, left subtree, right subtree).

    A tree is given by its nodes' columns in preorder: the left child comes next, and the right one after
    the left subtree. So there are no child pointers or offsets that could be changed into a cycle. Bits
    are split at 0.5, and descriptors at thresholds that are rounded down to float32: what is compared with
    them is float32, and falls on the same side.

    Attributes:
        splits: uint16 [nodes], the bit that a node asks for, behind the bits a descriptor, or `LEAF`.
        thresholds: float32 [nodes that ask for a descriptor]; larger values go to the right.
        leaves: uint32 [leaves], the value of each leaf, as its place in `values`.
        values: float64 [distinct values] of leaves.
        nodes: int64 [tasks], nodes of each task; 0 where the task has no trees.
        constants: float64 [tasks], what a task without trees predicts, and what boosted trees add to.
    """

    splits: NDArray[np.uint16]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.uint32]
    values: NDArray[np.float64]
    nodes: NDArray[np.int64]
    constants: NDArray[np.float64]

    @classmethod
    def of(cls, model: RandomForest | Boosting) -> "TreeArrays":
        """The arrays of a fitted model.

        Raises:
            ValueError: if it splits on anything but bits and descriptors.
        """
        if isinstance(model, RandomForest):
            forests: list[Any] = model.forests
            trees = [[_of_forest(each.tree_) for each in f.estimators_] if f else [] for f in forests]
            return cls._packed(trees, model.constants)
        trees, bases = [], []
        for each, constant in zip(model.models, model.constants, strict=True):
            trees.append(_of_boosting(each) if isinstance(each, OnColumns) else [])
            bases.append(each.base if isinstance(each, OnColumns) else constant)
        return cls._packed(trees, bases)

    @classmethod
    def _packed(cls, tasks: list[list[_Flat]], constants: list[float]) -> "TreeArrays":
        flat = [tree for task in tasks for tree in task]
        splits = np.concatenate([np.zeros(0, np.uint16), *(s for s, _, _ in flat)])
        thresholds = np.concatenate([np.zeros(0, np.float32), *(t for _, t, _ in flat)])
        of_leaves = np.concatenate([np.zeros(0), *(v for _, _, v in flat)])
        values, leaves = np.unique(of_leaves, return_inverse=True)
        nodes = np.array([sum(len(s) for s, _, _ in task) for task in tasks], np.int64)
        return cls(
            splits, thresholds, leaves.astype(np.uint32), values, nodes, np.array(constants, np.float64)
        )

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "TreeArrays":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of trees.
        """
        nodes = stored(arrays, "nodes", np.int64, (None,))
        constants = stored(arrays, "constants", np.float64, nodes.shape)
        splits = stored(arrays, "splits", np.uint16, (None,))
        refuse_unless(
            bool(((splits < COLUMNS) | (splits == LEAF)).all()),
            "splits",
            f"asks for column {COLUMNS} or above",
        )
        thresholds = stored(arrays, "thresholds", np.float32, (int(_on_descriptor(splits).sum()),))
        values = stored(arrays, "values", np.float64, (None,))
        leaves = stored(arrays, "leaves", np.uint32, (int((splits == LEAF).sum()),))
        refuse_unless(_adds_up(nodes, len(splits)), "nodes", f"does not add up to {len(splits)} nodes")
        refuse_unless(bool(np.isfinite(thresholds).all()), "thresholds", "is not finite")
        refuse_unless(bool((leaves < len(values)).all()), "leaves", f"has places past {len(values)} values")
        refuse_unless(bool(np.isfinite(values).all()), "values", "is not finite")
        refuse_unless(bool(np.isfinite(constants).all()), "constants", "is not finite")
        for task in np.split(splits, np.cumsum(nodes)[:-1]):
            open_ends = _open_ends(task)
            refuse_unless(len(task) == 0 or bool(open_ends[-1] == 0), "splits", "ends within a tree")
        return cls(splits, thresholds, leaves, values, nodes, constants)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    def random_forest(self) -> RandomForest:
        """The forest, whose predictions are bit for bit those of scikit-learn on one thread."""
        described = bool(_on_descriptor(self.splits).any())
        columns = COLUMNS if described else FINGERPRINT_BITS
        return RandomForest(
            self._rebuilt(columns, lambda trees, _: MeanOf(trees)), self.constants.tolist(), described
        )

    def boosting(self) -> Boosting:
        """The boosted trees, whose predictions are bit for bit those of scikit-learn."""
        return Boosting(self._rebuilt(COLUMNS, SumOf), self.constants.tolist())

    def _rebuilt(self, columns: int, make: Callable[[list[Any], float], object]) -> list[object | None]:
        """What is made of each task's trees and its constant; None where it has no trees."""
        described, leaf = _on_descriptor(self.splits), self.splits == LEAF
        ends, thresholds_before, leaves_before = map(_running, (self.nodes, described, leaf))
        found: list[object | None] = []
        for (first, last), constant in zip(pairwise(ends), self.constants.tolist(), strict=True):
            thresholds = self.thresholds[thresholds_before[first] : thresholds_before[last]]
            leaves = self.leaves[leaves_before[first] : leaves_before[last]]
            mine = self.splits[first:last]
            found.append(
                make(_trees(mine, thresholds, self.values[leaves], columns), constant) if len(mine) else None
            )
        return found


@dataclass(frozen=True)
class MeanOf:
    """Trees of one task that a `RandomForest` predicts with as with scikit-learn's own forest."""

    trees: list[Any]

    def predict(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The trees' mean, added up in scikit-learn's order: [molecules] of [molecules, columns]."""
        return _added(self.trees, 0.0, features) / len(self.trees)


@dataclass(frozen=True)
class SumOf:
    """Trees of one task that `Boosting` predicts with as with scikit-learn's own."""

    trees: list[Any]
    base: float

    def predict(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The trees' sum on top of the base, added up in scikit-learn's order: [molecules]."""
        return _added(self.trees, self.base, features)


def _added(trees: list[Any], base: float, features: NDArray[Any]) -> NDArray[np.float64]:
    total = np.full(len(features), base)
    for start in range(0, len(features), _MOLECULES):
        rows = features[start : start + _MOLECULES].astype(np.float32)
        for tree in trees:
            total[start : start + _MOLECULES] += tree.predict(rows)[:, 0]
    return total


def _of_forest(tree: Any) -> _Flat:
    """One of a forest's trees."""
    if tree.n_features not in (FINGERPRINT_BITS, COLUMNS):
        raise ValueError(_UNKNOWN)
    leaf = tree.children_left < 0
    return _flat(leaf, tree.children_left, tree.feature, tree.threshold, tree.value[:, 0, -1])


def _of_boosting(boosting: OnColumns) -> list[_Flat]:
    """All trees of one task."""
    found = []
    for nodes in boosting.trees:
        leaf, column = nodes["is_leaf"].astype(bool), boosting.columns[nodes["feature_idx"].astype(np.int64)]
        left = nodes["left"].astype(np.int64)
        found.append(_flat(leaf, left, column, nodes["num_threshold"], nodes["value"]))
    return found


def _flat(
    leaf: NDArray[np.bool_],
    left: NDArray[np.int64],
    column: NDArray[np.int64],
    threshold: NDArray[np.float64],
    value: NDArray[np.float64],
) -> _Flat:
    """One of scikit-learn's trees, from its nodes: [nodes] each.

    Raises:
        ValueError: if it is not in preorder, or splits bits elsewhere than in the middle.
    """
    inner = np.flatnonzero(~leaf)
    splits = np.where(leaf, LEAF, column).astype(np.uint16)
    if not np.array_equal(left[inner], inner + 1) or (threshold[splits < FINGERPRINT_BITS] != 0.5).any():
        raise ValueError(_UNKNOWN)
    return splits, _rounded_down(threshold[_on_descriptor(splits)]), value[leaf]


_UNKNOWN = (
    f"not a tree in preorder on {FINGERPRINT_BITS} bits of 0 and 1, alone or before {len(DESCRIPTORS)} "
    "descriptors"
)


def _rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _on_descriptor(splits: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Whether a node asks for a descriptor, [nodes]."""
    return (splits >= FINGERPRINT_BITS) & (splits != LEAF)


def _running(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Their sum before each, and in all: [counts + 1]."""
    return np.concatenate([[0], np.cumsum(counts)])


def _adds_up(nodes: NDArray[np.int64], total: int) -> bool:
    return bool(((nodes >= 0) & (nodes <= total)).all()) and int(nodes.sum()) == total


def _open_ends(splits: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Children that are still to come after each node of trees end to end; 0 after a tree's last.

    A leaf closes one, an inner node closes one and opens two, and a tree begins with its root to come.
    """
    balance = np.cumsum(np.where(splits == LEAF, -1, 1))
    trees_before = -np.minimum(np.minimum.accumulate(np.concatenate([[0], balance[:-1]])), 0)
    return balance + 1 + trees_before


def _right_children(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next node before which as many ends are open as before this one: [nodes], none for a leaf.

    The left subtree in between leaves at least one more open.
    """
    before = np.concatenate([[0], ends[:-1]])
    before[before == 0] = 1  # a root is awaited
    order = np.argsort(before, kind="stable")
    found = np.full(len(ends), -1)
    found[order[:-1]] = order[1:]
    return found


def _trees(
    splits: NDArray[np.uint16], thresholds: NDArray[np.float32], values: NDArray[np.float64], columns: int
) -> list[Any]:
    """scikit-learn's trees, through what it keeps of them when it pickles one.

    Args:
        splits: sound, [nodes].
        thresholds: of the nodes that ask for a descriptor.
        values: of the leaves, [leaves].
        columns: that the trees read.
    """
    from sklearn.tree._tree import NODE_DTYPE, Tree

    leaf = splits == LEAF
    ends = _open_ends(splits)
    nodes = np.zeros(len(splits), NODE_DTYPE)
    nodes["left_child"] = np.where(leaf, -1, np.arange(1, len(splits) + 1))
    nodes["right_child"] = np.where(leaf, -1, _right_children(ends))
    nodes["feature"] = np.where(leaf, -2, splits.astype(np.int64))
    nodes["threshold"] = np.where(leaf, -2.0, 0.5)
    nodes["threshold"][_on_descriptor(splits)] = thresholds
    of_nodes = np.zeros((len(splits), 1, 1))
    of_nodes[leaf, 0, 0] = values
    last = np.flatnonzero(ends == 0) + 1
    trees = []
    for first, end in zip(np.concatenate([[0], last[:-1]]), last, strict=True):
        mine = nodes[first:end].copy()
        for side in ("left_child", "right_child"):
            mine[side][~leaf[first:end]] -= first
        tree = Tree(columns, np.array([1]), 1)
        state = {"node_count": len(mine), "nodes": mine, "values": of_nodes[first:end].copy()}
        tree.__setstate__({**state, "max_depth": 0})  # which prediction does not read
        trees.append(tree)
    return trees
