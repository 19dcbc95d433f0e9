"""Random forest and gradient boosting on fingerprints and descriptors together."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.fingerprints import ecfp4
from molweight.tasks.baselines import Features, fit_boosting, fit_forest
from molweight.tasks.job import Fitted, Job, of_features


def rf_descriptors(job: Job) -> Fitted:
    """Random forest on ECFP4 and RDKit's descriptors."""
    return of_features(partial(fit_forest, job.data.kind, job.seed), partial(_features, job), job)


def gbdt(job: Job) -> Fitted:
    """Gradient boosting on ECFP4 and RDKit's descriptors."""
    return of_features(partial(fit_boosting, job.data.kind, job.seed), partial(_features, job), job)


def _features(job: Job, molecules: NDArray[np.int64]) -> Features:
    from molweight.molecules.descriptors import rdkit_descriptors  # takes RDKit a while to import

    smiles = [job.data.smiles[i] for i in molecules]
    return np.hstack([ecfp4(smiles), rdkit_descriptors(smiles)])  # float32, as the trees read it
