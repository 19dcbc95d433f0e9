"""A network and trees that are asked together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from molweight.molecules.store import Store
from molweight.tasks.baselines import RandomForest, logits, picked
from molweight.tasks.boosting import Boosting
from molweight.tasks.budgets import Budget
from molweight.tasks.data import TaskData, TaskKind
from molweight.tasks.finetune import FinetunedModel

Trees = RandomForest | Boosting


@dataclass(frozen=True)
class Consensus:
    """The mean of what a network and trees predict: of values, or of probabilities (soft voting).

    They err in different ways, and the mean of models that do errs less than they do on average (Perrone &
    Cooper, 1993); less than any, where all are about as good.
    """

    network: FinetunedModel
    trees: tuple[Trees, ...]

    def predict(
        self, smiles: Sequence[str], store: Store, molecules: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Logits, or values in the units of the data, as networks give them: [molecules, tasks].

        Args:
            smiles: of all molecules of the store.
            store: their graphs, with what network and trees read beside them.
            molecules: positions of those to predict.

        Raises:
            ValueError: if the store does not carry what they read.
        """
        kind = self.network.problem.kind
        said = [self.network.predict(store, molecules)]
        said += [said_by_trees(each, smiles, store, molecules, kind) for each in self.trees]
        if kind == "regression":
            mean: NDArray[np.float32] = np.mean(said, axis=0)
            return mean
        return voted(said)


def voted(said: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The logit of the mean probability; finite where all logits are, however sure they are.

    Args:
        said: logits of one shape.

    >>> voted([np.float32([0, 200]), np.float32([0, 100])])
    array([  0.      , 100.693146], dtype=float32)
    """
    every = np.stack(said).astype(np.float64)
    found: NDArray[np.float32] = logsumexp(log_expit(every), 0) - logsumexp(log_expit(-every), 0)
    return found.astype(np.float32)


def said_by_trees(
    trees: Trees, smiles: Sequence[str], store: Store, molecules: NDArray[np.int64], kind: TaskKind
) -> NDArray[np.float32]:
    """Logits, or values in the units of the data, as networks give them: [molecules, tasks].

    Args:
        trees: a forest or boosted trees.
        smiles: of all molecules of the store.
        store: their graphs, with the descriptors that the trees read.
        molecules: positions of those to predict.
        kind: of the tasks.

    Raises:
        ValueError: if the store does not carry what the trees read.
    """
    said = trees.predict(*picked(smiles, store, molecules))
    return logits(said) if kind == "classification" and isinstance(trees, RandomForest) else said


def beside_trees(
    network: FinetunedModel, budget: Budget, data: TaskData, molecules: NDArray[np.int64], seed: int
) -> FinetunedModel | Consensus:
    """A network together with the trees that the budget puts beside it; as it is, where there are none.

    Args:
        network: the fine-tuned one.
        budget: its settings.
        data: with all that is read beside graphs; labels outside `molecules` are not read.
        molecules: those that the trees learn from.
        seed: of the trees.
    """
    trees: list[Trees] = []
    if budget.forest:
        trees.append(RandomForest.fit(data, molecules, seed, budget.finetune.descriptors))
    if budget.boosting:
        trees.append(Boosting.fit(data, molecules, seed))
    return Consensus(network, tuple(trees)) if trees else network
