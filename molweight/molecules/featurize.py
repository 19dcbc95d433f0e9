"""Molecules as the small integers the GIN embeds (Hu et al., ICLR 2020).

Numpy and RDKit only: worker processes import this file and must not pay for torch.
"""

from collections.abc import Sequence

import numpy as np
from rdkit.Chem import BondDir, BondType, ChiralType, Mol

from molweight.molecules.flat_graphs import FlatGraphs, Rejected
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.vocabulary import DUMMY_ATOM

_CHIRALITY = {ChiralType.CHI_TETRAHEDRAL_CW: 1, ChiralType.CHI_TETRAHEDRAL_CCW: 2}
_BOND_TYPE = {BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3}
_BOND_DIRECTION = {BondDir.ENDUPRIGHT: 1, BondDir.ENDDOWNRIGHT: 2}


def featurize_smiles(texts: Sequence[object], first_row: int = 0) -> FlatGraphs:
    """Parse and featurise; atoms keep the order in which the SMILES names them.

    Args:
        texts: SMILES strings.
        first_row: row number of the first one.

    >>> graphs = featurize_smiles(["C=O"])
    >>> graphs.atom_type.tolist(), graphs.neighbour.tolist(), (graphs.bond // 3).tolist()
    ([5, 7], [1, 0], [1, 1])
    """
    parsed = parse_smiles(texts, first_row)
    return featurize_molecules(parsed.mols, parsed.rows, parsed.rejected)


def featurize_molecules(
    mols: Sequence[Mol], rows: Sequence[int], rejected: Sequence[Rejected] = ()
) -> FlatGraphs:
    """Featurise RDKit molecules.

    Args:
        mols: sanitised molecules with at least one atom each.
        rows: input row of each.
        rejected: rows set aside before, carried along.
    """
    types: list[int] = []
    chirality: list[int] = []
    ends: list[tuple[int, int, int]] = []  # begin, end, bond code
    sizes, bonds = [], []
    for mol in mols:
        before = len(types), len(ends)
        for atom in mol.GetAtoms():
            types.append(atom.GetAtomicNum())
            chirality.append(_CHIRALITY.get(atom.GetChiralTag(), 0))
        for bond in mol.GetBonds():
            code = 3 * _BOND_TYPE.get(bond.GetBondType(), 0) + _BOND_DIRECTION.get(bond.GetBondDir(), 0)
            ends.append((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), code))
        sizes.append(len(types) - before[0])
        bonds.append(len(ends) - before[1])
    return _flatten(rows, sizes, bonds, types, chirality, ends, list(rejected))


def _flatten(
    rows: Sequence[int],
    sizes: list[int],
    bonds: list[int],
    types: list[int],
    chirality: list[int],
    ends: list[tuple[int, int, int]],
    rejected: list[Rejected],
) -> FlatGraphs:
    atoms, pairs = np.array(sizes, np.int32), np.array(bonds, np.int32)
    starts = np.concatenate([[0], np.cumsum(atoms)])
    begin, end, code = np.array(ends, np.int64).reshape(-1, 3).T
    shift = np.repeat(starts[:-1], pairs)
    receiver = np.concatenate([begin + shift, end + shift])
    order = np.argsort(receiver, kind="stable")
    atomic_number = np.array(types, np.int64)
    return FlatGraphs(
        rows=np.array(rows, np.int64),
        atoms=atoms,
        entries=2 * pairs,
        atom_type=np.where(atomic_number == 0, DUMMY_ATOM, atomic_number - 1).astype(np.uint8),
        chirality=np.array(chirality, np.uint8),
        degree=np.bincount(receiver, minlength=len(types)).astype(np.uint8),
        neighbour=np.concatenate([end, begin])[order].astype(np.int16),
        bond=np.concatenate([code, code])[order].astype(np.uint8),
        rejected=rejected,
    )
