"""Random forest and gradient boosting on fingerprints and descriptors together."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.fingerprints import ecfp4
from molweight.paths import cache_folder
from molweight.tasks.baselines import Features, fit_boosting, fit_forest
from molweight.tasks.job import Fitted, Job, of_features


def rf_descriptors(job: Job) -> Fitted:
    """Random forest on ECFP4 and RDKit's descriptors."""
    return of_features(partial(fit_forest, job.data.kind, job.seed), _columns(job), job)


def gbdt(job: Job) -> Fitted:
    """Gradient boosting on ECFP4 and RDKit's descriptors."""
    return of_features(partial(fit_boosting, job.data.kind, job.seed), _columns(job), job)


def _columns(job: Job) -> Callable[[NDArray[np.int64]], Features]:
    from molweight.molecules.descriptors import cached_descriptors  # takes RDKit a while to import

    described = cached_descriptors(job.data.smiles, cache_folder() / "descriptors")

    def of(molecules: NDArray[np.int64]) -> Features:
        bits = ecfp4([job.data.smiles[i] for i in molecules])
        return np.hstack([bits, described[molecules]])  # float32, as the trees read it

    return of
