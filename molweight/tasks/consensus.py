"""A network and a random forest that are asked together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from molweight.molecules.store import Store
from molweight.tasks.baselines import RandomForest, logits, picked
from molweight.tasks.finetune import FinetunedModel


@dataclass(frozen=True)
class Consensus:
    """The mean of what a network and a forest predict: of values, or of probabilities (soft voting).

    The two err in different ways, and the mean of models that do errs less than they do on average (Perrone &
    Cooper, 1993); less than either, where both are about as good.
    """

    network: FinetunedModel
    forest: RandomForest

    def predict(
        self, smiles: Sequence[str], store: Store, molecules: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Logits, or values in the units of the data, as networks give them: [molecules, tasks].

        Args:
            smiles: of all molecules of the store.
            store: their graphs, with what network and forest read beside them.
            molecules: positions of those to predict.

        Raises:
            ValueError: if the store does not carry what the two read.
        """
        network = self.network.predict(store, molecules)
        forest = self.forest.predict(*picked(smiles, store, molecules))
        if self.network.problem.kind == "regression":
            mean: NDArray[np.float32] = np.mean([network, forest], axis=0)
            return mean
        both = expit(network.astype(np.float64)) + expit(logits(forest).astype(np.float64))
        found: NDArray[np.float32] = logit(both / 2).astype(np.float32)
        return found
