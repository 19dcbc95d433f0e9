"""Bemis-Murcko scaffolds (J. Med. Chem. 1996, 39, 2887)."""

import os
from collections import defaultdict
from collections.abc import Sequence

import joblib
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles
from rdkit.rdBase import BlockLogs

from molweight.errors import DataError

_CHUNK = 5_000  # molecules: below, starting processes would take longer than the work


def murcko_scaffold(smiles: str, chirality: bool = False) -> str:
    """SMILES of the ring systems and the linkers between them; empty for an acyclic molecule.

    Args:
        smiles: a valid SMILES.
        chirality: keep stereochemistry in the scaffold, so that isomers may have different ones.

    >>> murcko_scaffold("CC(=O)Oc1ccccc1C(=O)O")
    'c1ccccc1'
    """
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise DataError(f"{smiles!r} is not valid SMILES; set unparsable rows aside before splitting")
    return str(MurckoScaffoldSmiles(mol=mol, includeChirality=chirality))


def scaffold_groups(smiles: Sequence[str], chirality: bool = False) -> list[list[int]]:
    """Positions that share a scaffold, in order of first appearance."""
    chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
    workers = 1 if len(chunks) == 1 else os.cpu_count()
    parts = joblib.Parallel(n_jobs=workers)(joblib.delayed(_scaffolds)(c, chirality) for c in chunks)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, scaffold in enumerate(s for part in parts for s in part):
        groups[scaffold].append(position)
    return list(groups.values())


def _scaffolds(smiles: Sequence[str], chirality: bool) -> list[str]:
    with BlockLogs():
        return [murcko_scaffold(text, chirality) for text in smiles]
