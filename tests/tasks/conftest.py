import numpy as np
import pytest
import torch

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.splits import Split
from molweight.molecules.store import store_from_smiles
from molweight.solver import LoopConfig
from molweight.tasks.budgets import Budget
from molweight.tasks.data import TaskData
from molweight.tasks.finetune import FinetuneConfig
from molweight.tasks.job import Job
from molweight.tasks.metrics import RMSE, ROC_AUC
from molweight.tasks.reweight import ReweightConfig

SMILES = [
    "CCO", "CCCO", "CCCCO", "CCN", "CCCN", "CCCCN", "CCC", "CCCC", "CCCCC", "c1ccccc1", "Cc1ccccc1",
    "Oc1ccccc1", "Nc1ccccc1", "CC(=O)O", "CCC(=O)O", "CC(=O)N", "C1CCCCC1", "C1CCOC1", "CCOCC", "CCSCC",
]  # fmt: skip


@pytest.fixture
def compute() -> Compute:
    return Compute(torch.device("cpu"), torch.float32)


@pytest.fixture
def encoder() -> GIN:
    torch.manual_seed(0)
    return GIN(2, 16)


@pytest.fixture(params=["classification", "regression"])
def data(request) -> TaskData:
    """Twenty molecules; the first task is whether, or how many, hetero-atoms; the second mostly missing."""
    hetero = np.array([sum(c in "ONS" for c in s.upper()) for s in SMILES], np.float32)
    first = (hetero > 0).astype(np.float32) if request.param == "classification" else 3 * hetero + 10
    second = np.where(np.arange(20) % 4 == 0, first, np.nan).astype(np.float32)
    labels = np.stack([first, second], axis=1)
    return TaskData(SMILES, store_from_smiles(SMILES), labels, ("hetero", "rare"), request.param)


@pytest.fixture
def parts() -> dict[str, np.ndarray]:
    order = np.random.default_rng(0).permutation(20)
    return {"train": order[:12], "valid": order[12:16], "test": order[16:]}


@pytest.fixture
def job(encoder, data, parts, compute) -> Job:
    """A method's job on these molecules, with the smallest budget and no test label."""
    split = Split(parts["train"], parts["valid"], parts["test"])
    metric = ROC_AUC if data.kind == "classification" else RMSE
    loop = LoopConfig(steps=4, warmup=1)
    budget = Budget(FinetuneConfig(2, 2, batch_size=6), ReweightConfig(loop, 8, 6, 6, 4))
    return Job(data.hide_labels(parts["test"]), split, metric, budget, compute, 0, encoder)
