from pathlib import Path

import numpy as np
import pytest
import torch

from molweight.encoders.checkpoints import save_encoder
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.store import store_from_smiles
from molweight.screening.members import FOLDS, cross_fit, draw_folds
from molweight.screening.model import About, Model, calibrated
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.consensus import Consensus
from molweight.tasks.data import TaskData
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.metrics import METRICS

CPU = Compute(torch.device("cpu"), torch.float32)
ENDS = ("O", "N", "Cl", "S", "C(=O)O", "c1ccccc1", "C1CCCC1", "c1ccncc1")
SMILES = ["C" * length + end for length in range(1, 9) for end in ENDS]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 trees take a second a forest, and tests here fit many."""
    monkeypatch.setattr("molweight.tasks.baselines.TREES", 5)
    monkeypatch.setattr("molweight.tasks.boosting.ROUNDS", 5)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GIN of two layers and width 16, from random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_encoder(GIN(2, 16), path, {})
    return path


@pytest.fixture(params=["classification", "regression"])
def labelled(request: pytest.FixtureRequest) -> TaskData:
    """64 molecules; the first task is whether, or how far, an end is polar, the second misses most labels."""
    polar = np.array([any(c in s.upper() for c in "ONS") for s in SMILES], np.float32)
    first = polar if request.param == "classification" else 3 * polar + np.array([len(s) for s in SMILES])
    second = np.where(np.arange(len(SMILES)) % 3 == 0, first, np.nan)
    labels = np.stack([first, second], axis=1).astype(np.float32)
    return TaskData(SMILES, store_from_smiles(SMILES), labels, ("polar", "rare"), request.param)


@pytest.fixture(params=["forest", "boosting", "network", "network+forest", "network+forest+boosting"])
def member_kind(request: pytest.FixtureRequest) -> str:
    """What members are."""
    return request.param


@pytest.fixture
def model(labelled: TaskData, member_kind: str) -> Model:
    """A calibrated ensemble on these molecules."""
    return make_model(labelled, member_kind)


def make_model(data: TaskData, member_kind: str, **settings: object) -> Model:
    """Settings are those of fine-tuning."""
    config = FinetuneConfig(epochs=2, patience=2, lr=1e-2, **settings)
    data = data.for_heads(HeadInputs(descriptors=True) if "boosting" in member_kind else config.inputs)
    metric = METRICS["roc_auc" if data.kind == "classification" else "rmse"]
    torch.manual_seed(0)
    encoder = GIN(2, 16)

    def network(train, valid, number):
        return finetune(encoder, data, train, valid, metric, config, CPU, number)

    def forest(train, valid, number):
        return RandomForest.fit(data, train, number, config.descriptors)

    def boosting(train, valid, number):
        return Boosting.fit(data, train, number)

    parts = {"network": network, "forest": forest, "boosting": boosting}

    def fit(train, valid, number):
        first, *trees = (parts[kind](train, valid, number) for kind in member_kind.split("+"))
        return Consensus(first, tuple(trees)) if trees else first

    folds = draw_folds(data.labels, data.kind, FOLDS, 0)
    fitted = cross_fit(fit, data, folds, 0)
    classes = (("inactive", "active"), ("0", "1")) if data.kind == "classification" else ()
    return calibrated(About(data.kind, data.tasks, classes, member_kind, metric.name), fitted, data)
