import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molweight.errors import DataError
from molweight.molecules.fingerprints import ecfp4, packed_ecfp4


def test_fingerprints_are_rdkits_bit_by_bit(awkward_smiles):
    mol = Chem.MolFromSmiles(awkward_smiles)
    expected = np.zeros(2048, np.uint8)
    fingerprint = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint(mol)
    DataStructs.ConvertToNumpyArray(fingerprint, expected)
    assert np.array_equal(ecfp4([awkward_smiles])[0], expected)
    assert np.array_equal(packed_ecfp4([awkward_smiles])[0], np.packbits(expected))


def test_no_molecule_gives_no_row():
    assert ecfp4([]).shape == (0, 2048)
    assert packed_ecfp4([]).shape == (0, 256)


def test_bad_smiles_are_refused_by_position_and_value_and_quietly(capfd):
    with pytest.raises(DataError, match=r"molecule 1: 'C1CC' is not valid SMILES; set such rows aside"):
        ecfp4(["C", "C1CC"])
    assert capfd.readouterr() == ("", "")
