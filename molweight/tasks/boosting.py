"""Gradient boosting on fingerprints and descriptors together."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.head_inputs import HeadInputs
from molweight.tasks.baselines import Features, fit_boosting, picked, tree_features
from molweight.tasks.job import Fitted, Job, of_features


def gbdt(job: Job) -> Fitted:
    """Gradient boosting on ECFP4 and RDKit's descriptors."""
    data = job.data.for_heads(HeadInputs(descriptors=True))

    def features(molecules: NDArray[np.int64]) -> Features:
        return tree_features(*picked(data.smiles, data.store, molecules), described=True)

    return of_features(partial(fit_boosting, data.kind, job.seed), features, job)
