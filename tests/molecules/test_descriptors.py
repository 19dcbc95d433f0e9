import numpy as np
import pytest
from rdkit.Chem import Descriptors

from molweight.errors import DataError
from molweight.molecules import descriptors
from molweight.molecules.descriptors import LARGEST, cached_descriptors, rdkit_descriptors

NAMES = [name for name, _ in Descriptors.descList]


def test_columns_are_rdkits_list():
    found = rdkit_descriptors(["CCO", "c1ccccc1C(=O)O"])
    assert found.shape == (2, len(NAMES))
    assert found.dtype == np.float32
    assert found[:, NAMES.index("MolWt")] == pytest.approx([46.069, 122.123], rel=1e-4)
    assert found[:, NAMES.index("RingCount")].tolist() == [0, 1]


def test_nothing_is_infinite_and_what_has_no_value_is_missing(awkward):
    found = rdkit_descriptors([*awkward.values(), "C" * 250])  # whose Ipc passes float32
    assert not np.isinf(found).any()
    assert found[-1, NAMES.index("Ipc")] == pytest.approx(LARGEST)
    dative = list(awkward).index("dative")
    assert np.isnan(found[dative, NAMES.index("MaxPartialCharge")])
    assert not np.isnan(found[:, NAMES.index("MolWt")]).any()


def test_parts_come_back_in_order(monkeypatch):
    monkeypatch.setattr(descriptors, "MANY", 2)
    smiles = ["C" * length for length in range(1, 8)]
    weights = rdkit_descriptors(smiles)[:, NAMES.index("HeavyAtomCount")]
    assert weights.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_no_molecule_has_no_row():
    assert rdkit_descriptors([]).shape == (0, len(NAMES))


def test_what_is_not_a_molecule_is_named_with_its_position():
    with pytest.raises(DataError, match="molecule 1: 'C1CC' is not valid SMILES"):
        rdkit_descriptors(["CC", "C1CC"])


def test_descriptors_are_computed_once_for_the_same_smiles_in_the_same_order(tmp_path, monkeypatch):
    smiles = ["CCO", "CC", "[NH3]->[Fe+2]"]
    first = cached_descriptors(smiles, tmp_path)
    assert np.array_equal(first, rdkit_descriptors(smiles), equal_nan=True)
    other = cached_descriptors(smiles[::-1], tmp_path)
    assert np.array_equal(other, first[::-1], equal_nan=True)
    monkeypatch.setattr(descriptors, "rdkit_descriptors", None)
    assert np.array_equal(cached_descriptors(smiles, tmp_path), first, equal_nan=True)
    assert len(list(tmp_path.iterdir())) == 2
