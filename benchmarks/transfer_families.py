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
    name: str, molecules: int, noise: float, likeness: float, seed: int
) -> tuple[TransferData, Features]:
    """A data set of four tasks, all measured, and the features of its molecules.

    Args:
        name: of `FAMILIES`.
        molecules: how many.
        noise: standard deviation beside a signal of about 1.
        likeness: correlation of tasks that share something.
        seed: of everything.
    """
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(molecules, FACTORS)) / np.sqrt(FACTORS)
    signal = features @ FAMILIES[name](generator, likeness)
    labels = (signal + noise * generator.normal(size=signal.shape)).astype(np.float32)
    names = tuple(f"molecule {number}" for number in range(molecules))
    tasks = tuple(f"task {number}" for number in range(TASKS))
    data = TransferData(name, names, names, labels, tasks, "regression", (), (), ())
    return data, Features("gin", features.astype(np.float32))
