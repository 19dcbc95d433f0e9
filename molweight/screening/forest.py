"""A random forest as plain arrays: nothing to unpickle, and no pointer that could lead astray."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.store import FINGERPRINT_BITS
from molweight.screening.stored import Arrays, refuse_unless, stored
from molweight.tasks.baselines import RandomForest

LEAF = 65_535  # where an inner node has its bit
_MOLECULES = 2_048  # predicted at a time: the trees read float32, 8 kB a molecule


@dataclass(frozen=True)
class ForestArrays:
    """The trees of every task, one after another, each in preorder (node, left subtree, right subtree).

    Where every split is of a bit, a tree is given by its nodes' bits in preorder: the left child comes
    next, and the right one after the left subtree. So there are no child pointers, thresholds or offsets
    that could be changed into a cycle.

    Attributes:
        splits: uint16 [nodes], the fingerprint bit that a node asks for, or `LEAF`.
        leaves: uint32 [leaves], the value of each leaf, as its place in `values`.
        values: float64 [distinct values], probabilities of class 1, or regression values.
        nodes: int64 [tasks], nodes of each task; 0 where the task has no forest.
        constants: float64 [tasks], what a task without a forest predicts.
    """

    splits: NDArray[np.uint16]
    leaves: NDArray[np.uint32]
    values: NDArray[np.float64]
    nodes: NDArray[np.int64]
    constants: NDArray[np.float64]

    @classmethod
    def of(cls, forest: RandomForest) -> "ForestArrays":
        """The arrays of a fitted forest.

        Raises:
            ValueError: if it splits on anything but bits.
        """
        trees = [[e.tree_ for e in f.estimators_] if f else [] for f in forest.forests]  # type: ignore[attr-defined]
        flat = [_flatten(tree) for task in trees for tree in task]
        splits = np.concatenate([np.zeros(0, np.uint16), *(s for s, _ in flat)])
        of_leaves = np.concatenate([np.zeros(0), *(v for _, v in flat)])
        values, leaves = np.unique(of_leaves, return_inverse=True)
        nodes = np.array([sum(tree.node_count for tree in task) for task in trees], np.int64)
        return cls(splits, leaves.astype(np.uint32), values, nodes, np.array(forest.constants, np.float64))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "ForestArrays":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of a forest.
        """
        nodes = stored(arrays, "nodes", np.int64, (None,))
        constants = stored(arrays, "constants", np.float64, nodes.shape)
        splits = stored(arrays, "splits", np.uint16, (None,))
        values = stored(arrays, "values", np.float64, (None,))
        leaves = stored(arrays, "leaves", np.uint32, (int((splits == LEAF).sum()),))
        refuse_unless(_adds_up(nodes, len(splits)), "nodes", f"does not add up to {len(splits)} nodes")
        refuse_unless(
            bool(((splits < FINGERPRINT_BITS) | (splits == LEAF)).all()),
            "splits",
            f"asks for bit {FINGERPRINT_BITS} or above",
        )
        refuse_unless(bool((leaves < len(values)).all()), "leaves", f"has places past {len(values)} values")
        refuse_unless(bool(np.isfinite(values).all()), "values", "is not finite")
        refuse_unless(bool(np.isfinite(constants).all()), "constants", "is not finite")
        for task in np.split(splits, np.cumsum(nodes)[:-1]):
            open_ends = _open_ends(task)
            refuse_unless(len(task) == 0 or bool(open_ends[-1] == 0), "splits", "ends within a tree")
        return cls(splits, leaves, values, nodes, constants)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    def rebuild(self) -> RandomForest:
        """The forest, whose predictions are bit for bit those of scikit-learn on one thread."""
        task_ends, leaf_ends = np.cumsum(self.nodes), np.cumsum(self.splits == LEAF)
        forests: list[object | None] = []
        for nodes, last in zip(self.nodes, task_ends, strict=True):
            if nodes == 0:
                forests.append(None)
                continue
            first = last - nodes
            leaves = self.leaves[leaf_ends[first - 1] if first else 0 : leaf_ends[last - 1]]
            forests.append(BitTrees(_trees(self.splits[first:last], self.values[leaves])))
        return RandomForest(forests, self.constants.tolist())


@dataclass(frozen=True)
class BitTrees:
    """Trees of one task that a `RandomForest` predicts with as with scikit-learn's own forest."""

    trees: list[Any]

    def predict(self, bits: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The trees' mean, added up in scikit-learn's order: [molecules] of [molecules, 2048]."""
        total = np.zeros(len(bits))
        for start in range(0, len(bits), _MOLECULES):
            rows = bits[start : start + _MOLECULES].astype(np.float32)
            for tree in self.trees:
                total[start : start + _MOLECULES] += tree.predict(rows)[:, 0]
        return total / len(self.trees)


def _flatten(tree: Any) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Bits of the nodes, and values of the leaves, of one of scikit-learn's trees."""
    leaf = tree.children_left < 0
    inner = np.flatnonzero(~leaf)
    in_preorder = np.array_equal(tree.children_left[inner], inner + 1)
    if not in_preorder or (tree.threshold[inner] != 0.5).any() or tree.n_features != FINGERPRINT_BITS:
        raise ValueError(f"not a tree on {FINGERPRINT_BITS} bits of 0 and 1 in preorder")
    splits = np.where(leaf, LEAF, tree.feature).astype(np.uint16)
    return splits, tree.value[leaf, 0, -1]


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


def _trees(splits: NDArray[np.uint16], values: NDArray[np.float64]) -> list[Any]:
    """scikit-learn's trees, through what it keeps of them when it pickles one.

    Args:
        splits: sound, [nodes].
        values: of the leaves, [leaves].
    """
    from sklearn.tree._tree import NODE_DTYPE, Tree

    leaf = splits == LEAF
    ends = _open_ends(splits)
    nodes = np.zeros(len(splits), NODE_DTYPE)
    nodes["left_child"] = np.where(leaf, -1, np.arange(1, len(splits) + 1))
    nodes["right_child"] = np.where(leaf, -1, _right_children(ends))
    nodes["feature"] = np.where(leaf, -2, splits.astype(np.int64))
    nodes["threshold"] = np.where(leaf, -2.0, 0.5)
    of_nodes = np.zeros((len(splits), 1, 1))
    of_nodes[leaf, 0, 0] = values
    last = np.flatnonzero(ends == 0) + 1
    trees = []
    for first, end in zip(np.concatenate([[0], last[:-1]]), last, strict=True):
        mine = nodes[first:end].copy()
        for side in ("left_child", "right_child"):
            mine[side][~leaf[first:end]] -= first
        tree = Tree(FINGERPRINT_BITS, np.array([1]), 1)
        state = {"node_count": len(mine), "nodes": mine, "values": of_nodes[first:end].copy()}
        tree.__setstate__({**state, "max_depth": 0})  # which prediction does not read
        trees.append(tree)
    return trees
