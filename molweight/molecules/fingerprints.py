"""Extended-connectivity fingerprints of diameter 4 (Rogers & Hahn, J. Chem. Inf. Model. 2010, 50, 742)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.rdBase import BlockLogs

from molweight.errors import DataError
from molweight.molecules.store import FINGERPRINT_BITS


def ecfp4(smiles: Sequence[str]) -> NDArray[np.uint8]:
    """Fingerprints as 0 and 1: uint8 [molecules, 2048].

    Raises:
        DataError: at the first text that is not valid SMILES, with its position.
    """
    return np.unpackbits(packed_ecfp4(smiles), axis=1)


def packed_ecfp4(smiles: Sequence[str]) -> NDArray[np.uint8]:
    """Fingerprints of eight bits a byte, in the order of `numpy.packbits`: uint8 [molecules, 256].

    Raises:
        DataError: at the first text that is not valid SMILES, with its position.
    """
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    packed = np.zeros((len(smiles), FINGERPRINT_BITS // 8), np.uint8)
    with BlockLogs():
        for position, text in enumerate(smiles):
            mol = Chem.MolFromSmiles(text)
            if mol is None:
                raise DataError(
                    f"molecule {position}: {text!r} is not valid SMILES; set such rows aside first"
                )
            packed[position] = np.packbits(generator.GetFingerprintAsNumPy(mol))
    return packed
