"""A run of made-up tasks, scanned and fitted."""

from dataclasses import replace

import numpy as np

from molweight.benchmarks.transfer_families import make_family
from molweight.transfer.data import LeftOut, TransferData
from molweight.transfer.designs import Confirmed, Grid, TransferConfig, TransferRun
from molweight.transfer.fitting import fit_alone, fit_with_others
from molweight.transfer.forms import FORMS

GRID = Grid((10, 20, 40), (20, 40), (40, 160))
TASKS = ("<b>logS</b>", "logP", "pKa", "noise")
GAINS = np.array(  # [helped, helper], at the largest sample
    [[np.nan, 0.1, 0.0, -0.08], [0.12, np.nan, 0.0, 0.0], [0.0, 0.0, np.nan, 0.0], [0.0, 0.0, 0.0, np.nan]]
)


def planted_run(smiles: list[str], folds: int = 4) -> TransferRun:
    """Four tasks, the first two of which help each other, and the last of which harms the first."""
    generator = np.random.default_rng(0)

    def noisy(clean: np.ndarray) -> np.ndarray:
        return clean + generator.normal(0, 0.004, (folds, *clean.shape))

    form, own = FORMS["exp3"], np.array(GRID.own, np.float64)
    curve = form.value(np.array([0.8, -0.7, 0.03]), own, np.zeros(3))
    base = np.repeat(curve[:, None], len(TASKS), 1)
    growing = np.array(GRID.other) / GRID.other[-1]
    alone = noisy(base)
    pairs = noisy(base[:, None, :, None] + growing[:, None, None] * GAINS)
    context = noisy(base[:, None] + growing[:, None] * np.array([0.02, 0.12, 0.0, 0.0]))
    samples = np.repeat([[39.0], [159.0]], len(TASKS), 1)
    return TransferRun(
        _data(smiles),
        TransferConfig(folds=folds),
        GRID,
        alone,
        pairs,
        context,
        samples,
        tuple(fit_alone(GRID, alone[:, :, i], 0.95) for i in range(4)),
        _fits(pairs, alone),
        tuple(
            fit_with_others(GRID, alone[:, :, i], context[:, :, :, i], samples[:, i], 0.95) for i in range(4)
        ),
        {"exp3": 0.01, "power": 0.02},
        (Confirmed(0, 1, (0.5, 0.6), (0.7, np.nan), 0.2, 0.1, 0.3),),
        {"scan": 1.0},
    )


def _data(smiles: list[str]) -> TransferData:
    labels = make_family("shared", len(smiles), 0.3, 0.8, 0)[0].labels.copy()
    labels[: len(smiles) // 2, 2] = labels[len(smiles) // 2 :, 3] = np.nan
    data = TransferData("made.csv", tuple(smiles), tuple(smiles), labels, TASKS, "regression", (), (), ())
    return replace(data, left_out=(LeftOut("id", "text"),), remarks=("a remark",))


def _fits(pairs: np.ndarray, alone: np.ndarray) -> dict:
    other = np.array(GRID.other, np.float64)
    return {
        (i, j): fit_with_others(GRID, alone[:, :, i], pairs[:, :, :, i, j], other, 0.95)
        for i in range(4)
        for j in range(4)
        if i != j
    }
