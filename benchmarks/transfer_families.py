"""Families of made-up tasks whose help for each other is known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from molweight.transfer.data import TransferData
from molweight.transfer.features import Features

TASKS = 4
FACTORS = 24  # independent features of a molecule; a multiple of the tasks

Array = NDArray[np.float64]


def shared(generator: np.random.Generator, likeness: float) -> Array:
    """Each task leans on one common direction and on one of its own: any two correlate at `likeness`."""
    common, own = generator.normal(size=(FACTORS, 1)), generator.normal(size=(FACTORS, TASKS))
    return np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own


def opposed(generator: np.random.Generator, likeness: float) -> Array:
    """As `shared`, with every other task turned round: help is to be had with the sign of the correlation."""
    return shared(generator, likeness) * np.resize([1.0, -1.0], TASKS)


def independent(generator: np.random.Generator, likeness: float) -> Array:
    """Each task has a direction of its own."""
    return generator.normal(size=(FACTORS, TASKS))


def conflicting(generator: np.random.Generator, likeness: float) -> Array:
    """Any two tasks agree on half of the features and are opposed on the other: they do not correlate."""
    signs = np.repeat(hadamard(TASKS), FACTORS // TASKS, axis=0)
    common, own = generator.normal(size=(FACTORS, 1)), generator.normal(size=(FACTORS, TASKS))
    return signs * np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own


FAMILIES: dict[str, Callable[[np.random.Generator, float], Array]] = {
    "shared": shared,
    "opposed": opposed,
    "independent": independent,
    "conflicting": conflicting,
}
HELPING = ("shared", "opposed")


def make_family(
    name: str, molecules: int, noise: float, likeness: float, seed: int, overlap: float = 1.0
) -> tuple[TransferData, Features]:
    """A data set of four tasks and the features of its molecules.

    Some molecules are measured for all tasks, each other one for a single task, so that every two tasks share
    the same molecules, and every task has as many labels whatever it shares.

    Args:
        name: of `FAMILIES`.
        molecules: that each task is measured on.
        noise: standard deviation beside a signal of about 1.
        likeness: correlation of tasks that share something.
        seed: of everything.
        overlap: share of a task's molecules that it has in common with any other, 0 to 1.
    """
    generator = np.random.default_rng(seed)
    measured = _measured(molecules, overlap)
    features = generator.normal(size=(len(measured), FACTORS)) / np.sqrt(FACTORS)
    signal = features @ FAMILIES[name](generator, likeness)
    labels = np.where(measured, signal + noise * generator.normal(size=signal.shape), np.nan)
    names = tuple(f"molecule {number}" for number in range(len(measured)))
    tasks = tuple(f"task {number}" for number in range(TASKS))
    data = TransferData(name, names, names, labels.astype(np.float32), tasks, "regression", (), (), ())
    return data, Features("gin", features.astype(np.float32))


def _measured(molecules: int, overlap: float) -> NDArray[np.bool_]:
    """Which molecule is measured for which task, [all molecules, tasks]."""
    common = round(overlap * molecules)
    of_all = np.ones((common, TASKS), bool)
    of_one = np.repeat(np.eye(TASKS, dtype=bool), molecules - common, axis=0)
    return np.concatenate([of_all, of_one])
