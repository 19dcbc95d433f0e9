"""Families of tasks on small molecules."""

import numpy as np
import pytest

from molweight.transfer.data import TransferData

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCOC1", "c1ccsc1", "C1CCNCC1"]
ENDS = ["O", "N", "F", "Cl", "OC(=O)", "N#C", "CO", "S", "Br", "FC(F)(F)"]
TASKS = ("a", "like a", "noise")


def smiles(count: int, isomers: bool = False) -> list[str]:
    """So many different molecules: a chain, an end and a ring each; or pairs of mirror images."""
    if isomers:
        turns = [f"C[C{turn}H]({end}){ring}" for ring in RINGS for end in ENDS[:4] for turn in ("@", "@@")]
        return turns[:count]
    return [f"{end}{'C' * (1 + length)}{ring}" for length in range(4) for end in ENDS for ring in RINGS][
        :count
    ]


def family(count: int, isomers: bool = False) -> TransferData:
    """Numbers of three tasks, a, one like it, and noise; a fifth of them is missing."""
    texts = smiles(count, isomers)
    generator = np.random.default_rng(0)
    truth = np.array([len(t) + 2.0 * ("c1" in t) + 1.5 * ("N" in t) for t in texts])
    columns = [truth, truth + generator.normal(0, 0.3, len(texts)), generator.normal(0, 1, len(texts))]
    labels = np.stack(columns, axis=1).astype(np.float32)
    labels[generator.random(labels.shape) < 0.2] = np.nan
    flat = tuple(t.replace("@", "") for t in texts)
    return TransferData("family.csv", tuple(texts), flat, labels, TASKS, "regression", (), (), ())


@pytest.fixture
def data() -> TransferData:
    return family(120)
