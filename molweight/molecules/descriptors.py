"""RDKit's descriptors of whole molecules: weight, polarity, charges, counts of rings, groups, fragments."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import joblib
import numpy as np
import rdkit
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors
from rdkit.rdBase import BlockLogs

from molweight.errors import DataError
from molweight.molecules.store_file import Progress
from molweight.paths import replacing

MANY = 500  # molecules: below, starting processes would take longer than the work
LARGEST = 1e30  # what float32 can hold with room to spare; Ipc grows past it with the size of a molecule


def rdkit_descriptors(smiles: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
    """Every descriptor of RDKit's list: float32 [molecules, descriptors], NaN where it has no value.

    Partial charges and what is made of them have none where an atom lacks parameters. Values past ±1e30
    are cut there.

    Args:
        smiles: of valid molecules.
        progress: called with the numbers of molecules done and in all.

    Raises:
        DataError: at the first text that is not valid SMILES, with its position.
    """
    if not smiles:
        return np.zeros((0, len(Descriptors.descList)), np.float32)
    parts = np.array_split(np.arange(len(smiles)), max(1, len(smiles) // MANY))
    jobs = (joblib.delayed(_described)([smiles[i] for i in part], int(part[0])) for part in parts)
    workers = -1 if len(smiles) > MANY else 1
    done, parallel = [], joblib.Parallel(workers, prefer="processes", return_as="generator")
    for part in parallel(jobs):
        done.append(part)
        if progress is not None:
            progress(sum(map(len, done)), len(smiles))
    found: NDArray[np.float32] = np.concatenate(done)
    return found


def cached_descriptors(
    smiles: Sequence[str], folder: Path, progress: Progress | None = None
) -> NDArray[np.float32]:
    """`rdkit_descriptors` of these very SMILES, from a file in a cache folder once this RDKit made them.

    Raises:
        DataError: as `rdkit_descriptors`.
    """
    digest = sha256(f"{rdkit.__version__}\n".encode())
    for text in smiles:
        digest.update(f"{text!r}\n".encode())
    path = folder / f"{digest.hexdigest()[:24]}.npy"
    if not path.exists():
        found = rdkit_descriptors(smiles, progress)
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.save(file, found)
    kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
    return kept


def _described(smiles: Sequence[str], first: int) -> NDArray[np.float32]:
    rows = np.empty((len(smiles), len(Descriptors.descList)), np.float64)
    with BlockLogs():
        for number, text in enumerate(smiles):
            mol = Chem.MolFromSmiles(text)
            if mol is None:
                raise DataError(
                    f"molecule {first + number}: {text!r} is not valid SMILES; set such rows aside first"
                )
            rows[number] = list(Descriptors.CalcMolDescriptors(mol, missingVal=np.nan).values())
    cut = np.where(np.isnan(rows), np.nan, rows.clip(-LARGEST, LARGEST))
    return cut.astype(np.float32)
