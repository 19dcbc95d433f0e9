import numpy as np
import pytest

from molweight.errors import DataError
from molweight.molecules.splits import scaffold_split
from molweight.molecules.store import store_from_smiles
from molweight.screening.choose_split import choose_split
from molweight.tasks.data import TaskData
from molweight.tasks.metrics import METRICS

RINGS = [
    "c1ccccc1",
    "C1CCCCC1",
    "c1ccncc1",
    "C1CCOC1",
    "c1ccoc1",
    "C1CCNCC1",
    "c1ccsc1",
    "C1CC1",
    "C1CCC1",
    "C1CCCC1",
]
SMILES = ["C" * length + ring for length in range(1, 9) for ring in RINGS[: 11 - length]]


def data(labels):
    array = np.array(labels, np.float32)[:, None]
    return TaskData(SMILES, store_from_smiles(SMILES), array, ("y",), "classification")


def test_the_scaffold_split_is_taken_where_it_can_be_used():
    labels = np.arange(len(SMILES)) % 2
    split, name = choose_split(data(labels), METRICS["roc_auc"], 0)
    assert (name, split.digest) == ("scaffold", scaffold_split(SMILES).digest)


def test_scaffolds_are_dealt_out_at_random_where_it_leaves_one_class():
    valid = scaffold_split(SMILES).valid
    labels = np.arange(len(SMILES)) % 2
    labels[valid] = 0
    split, name = choose_split(data(labels), METRICS["roc_auc"], 0)
    assert name in ("random-scaffold", "random")
    assert set(labels[split.train]) == set(labels[split.valid]) == {0, 1}


def test_labels_of_the_test_part_do_not_matter():
    labels = np.arange(len(SMILES)) % 2
    hidden = labels.copy()
    hidden[scaffold_split(SMILES).test] = 0
    assert choose_split(data(hidden), METRICS["roc_auc"], 0)[1] == "scaffold"


def test_one_molecule_of_a_class_is_too_few():
    labels = np.zeros(len(SMILES))
    labels[3] = 1
    with pytest.raises(DataError, match="measure more molecules, or more of the rarer class"):
        choose_split(data(labels), METRICS["roc_auc"], 0)
