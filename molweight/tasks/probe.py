"""A linear model on the frozen encoder's readout: what the checkpoint knows without being trained further."""

import copy
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from molweight.encoders.compute import Compute, at_least_float32
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.tasks.baselines import EachTask, Features
from molweight.tasks.finetune import PREDICT_BATCH
from molweight.tasks.job import Fitted, Job, Predictions, judged

PENALTIES = tuple(10.0**power for power in range(4, -3, -1))  # α of α‖w‖² beside the sum of losses


def probe(job: Job) -> Fitted:
    """Logistic or ridge regression on the checkpoint's mean readout; valid chooses the penalty of all tasks.

    The readout is standardised by the train molecules.
    """
    readout = frozen_readout(job.checkpoint, job.data.store, job.compute).astype(np.float64)
    train = readout[job.split.train]
    spread = train.std(axis=0)
    features = (readout - train.mean(axis=0)) / np.where(spread > 0, spread, 1)
    tried = [_fitted(job, features, penalty) for penalty in PENALTIES]
    best = max if job.metric.higher_is_better else min
    return best(tried, key=lambda fitted: fitted.valid)


def frozen_readout(encoder: GIN, store: Store, compute: Compute) -> NDArray[np.float32]:
    """The mean over atoms of each molecule's representations, in evaluation mode: [molecules, width]."""
    frozen, graphs = copy.deepcopy(encoder).to(compute.device).eval(), store.to(compute.device)
    parts = []
    with torch.inference_mode(), compute.autocast():
        for molecules in torch.arange(len(graphs), device=graphs.device).split(PREDICT_BATCH):
            batch = collate(graphs, molecules)
            parts.append(at_least_float32(mean_readout(frozen(batch), batch)))
    return torch.cat(parts).cpu().numpy()


def _fitted(job: Job, features: Features, penalty: float) -> Fitted:
    train = job.split.train
    model = EachTask.fit(features[train], job.data.labels[train], partial(_fit, job.data.kind, penalty))

    def predict(molecules: NDArray[np.int64]) -> Predictions:
        return model.predict(features[molecules])

    return Fitted(model, predict, judged(job, predict))


def _fit(kind: str, penalty: float, features: Features, labels: NDArray[np.float32]) -> object:
    from sklearn.linear_model import LogisticRegression, Ridge

    # half the squared norm stands beside the sum of losses there, the whole one here
    model = (
        LogisticRegression(C=1 / (2 * penalty), max_iter=5_000)
        if kind == "classification"
        else Ridge(penalty)
    )
    return model.fit(features, labels)
