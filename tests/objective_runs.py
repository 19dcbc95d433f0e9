"""A run over made-up objectives whose gains are known."""

import numpy as np
import torch

from molweight.encoders.compute import Compute
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Grid
from molweight.transfer.fitting import fit_with_others
from molweight.transfer.forms import FORMS
from molweight.transfer.objective_designs import Asked, Learned, ObjectivesConfig, ObjectivesRun, Study

CPU = Compute(torch.device("cpu"), torch.float32)
OWN, OTHER = (16, 40, 100), (200, 800)
OBJECTIVES = ("attribute_masking", "contrastive", "edge_prediction")
RATES = (1e-3, 0.0, -2e-4)  # of unlabelled molecules


def one_task(smiles: list[str]) -> TransferData:
    """Numbers that the molecules' letters decide."""
    labels = np.array([[len(text) + 2.0 * ("N" in text)] for text in smiles], np.float32)
    texts = tuple(smiles)
    return TransferData(
        "made.csv", texts, texts, labels, ("<b>logS</b>",), "regression", (), (), ("a remark",)
    )


def planted_objectives(smiles: list[str], weights: tuple[float, ...] = (0.6, 0.3, 0.1)) -> ObjectivesRun:
    """The first of three objectives helps, the second does nothing, the third harms."""
    generator = np.random.default_rng(0)
    form, (own, other) = FORMS["exp3.2"], np.meshgrid(OWN, (0, *OTHER), indexing="ij")
    clean = np.stack(
        [
            form.value(np.array([0.9, -0.7, 0.02, rate]), own.ravel(), other.ravel()).reshape(own.shape)
            for rate in RATES
        ],
        axis=-1,
    )  # [own, 1 + other, objectives]
    noisy = clean[:, :, :, None] + generator.normal(0, 0.004, (5, *clean.shape, 2))
    alone, adapted = noisy[:, :, 0, 0, 0], noisy[:, :, 1:]
    config = ObjectivesConfig(OBJECTIVES, OTHER, points=3, weight_runs=2)
    study = Study(Asked(one_task(smiles)), config, Grid(OWN, OTHER, ()), CPU)
    fits = tuple(
        fit_with_others(study.grid, alone, adapted[:, :, :, k].mean(-1), np.array(OTHER, np.float64), 0.95)
        for k in range(3)
    )
    learned = tuple(
        Learned(
            {n: w + shift for n, w in zip(OBJECTIVES, weights, strict=True)}, dict.fromkeys(OBJECTIVES, 0.1)
        )
        for shift in (-0.01, 0.01)
    )
    return ObjectivesRun(study, alone, adapted, fits, learned if weights else (), {"pretraining": 1.0})
