"""Molecules as the small integers the GIN embeds (Hu et al., ICLR 2020).

Numpy and RDKit only: worker processes import this file and must not pay for torch.
"""

from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import BondDir, BondType, ChiralType, Mol

from molweight.molecules.flat_graphs import FlatGraphs, Rejected
from molweight.molecules.pickles import Columns, decode, readable
from molweight.molecules.smiles import parse_each
from molweight.molecules.vocabulary import BOND_DIRECTIONS, DUMMY_ATOM


def _lookup(values: dict[int, int]) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[[int(key) for key in values]] = list(values.values())
    return table


_ATOM_TYPE = np.concatenate([[DUMMY_ATOM], np.arange(255)]).astype(np.uint8)
_CHIRALITY = _lookup({ChiralType.CHI_TETRAHEDRAL_CW: 1, ChiralType.CHI_TETRAHEDRAL_CCW: 2})
_BOND_TYPE = _lookup({BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3})
_BOND_DIRECTION = _lookup({BondDir.ENDUPRIGHT: 1, BondDir.ENDDOWNRIGHT: 2})


def featurize_smiles(texts: Sequence[object], first_row: int = 0) -> FlatGraphs:
    """Parse and featurise; atoms keep the order in which the SMILES names them.

    Args:
        texts: SMILES strings.
        first_row: row number of the first one.

    >>> graphs = featurize_smiles(["C=O"])
    >>> graphs.atom_type.tolist(), graphs.neighbour.tolist(), (graphs.bond // 3).tolist()
    ([5, 7], [1, 0], [1, 1])
    """
    rows: list[int] = []
    pickles: list[bytes] = []
    rejected: list[Rejected] = []
    for row, found in parse_each(texts, first_row):
        if isinstance(found, Rejected):
            rejected.append(found)
        else:
            rows.append(row)
            pickles.append(_pickle(found))
    return _flatten(read_molecules(pickles), rows, rejected)


def featurize_molecules(
    mols: Sequence[Mol], rows: Sequence[int], rejected: Sequence[Rejected] = ()
) -> FlatGraphs:
    """Featurise RDKit molecules.

    Args:
        mols: sanitised molecules with at least one atom each.
        rows: input row of each.
        rejected: rows set aside before, carried along.
    """
    return _flatten(read_molecules([_pickle(mol) for mol in mols]), rows, rejected)


def read_molecules(pickles: Sequence[bytes]) -> Columns:
    """Decode together what can be, and ask RDKit about every atom and bond of the rest."""
    if not all(map(readable, pickles)):
        return ask_rdkit(map(_unpickle, pickles))
    columns, right = decode(pickles)
    wrong = ~right
    if wrong.any():
        asked = ask_rdkit(map(_unpickle, compress(pickles, wrong)))
        atoms, bonds = np.repeat(wrong, columns.atoms), np.repeat(wrong, columns.bonds)
        columns.atomic_number[atoms], columns.chiral_tag[atoms] = asked.atomic_number, asked.chiral_tag
        columns.ends[:, bonds] = asked.ends
        columns.bond_type[bonds], columns.direction[bonds] = asked.bond_type, asked.direction
    return columns


def ask_rdkit(mols: Iterable[Mol]) -> Columns:
    """The same by a call for every number, which takes longer than to parse the molecule."""
    mols = list(mols)
    atoms = [(atom.GetAtomicNum(), int(atom.GetChiralTag())) for mol in mols for atom in mol.GetAtoms()]
    bonds = [
        (b.GetBeginAtomIdx(), b.GetEndAtomIdx(), int(b.GetBondType()), int(b.GetBondDir()))
        for mol in mols
        for b in mol.GetBonds()
    ]
    number, tag = np.array(atoms, np.int64).reshape(-1, 2).T
    begin, end, bond_type, direction = np.array(bonds, np.int64).reshape(-1, 4).T
    return Columns(
        atoms=np.array([mol.GetNumAtoms() for mol in mols], np.int64),
        bonds=np.array([mol.GetNumBonds() for mol in mols], np.int64),
        atomic_number=number.astype(np.uint8),
        chiral_tag=tag.astype(np.uint8),
        ends=np.stack([begin, end]),
        bond_type=bond_type.astype(np.uint8),
        direction=direction.astype(np.uint8),
    )


def _pickle(mol: Mol) -> bytes:
    return mol.ToBinary(0)  # without properties


def _unpickle(pickle: bytes) -> Mol:
    return Mol(pickle)  # type: ignore[call-overload]  # RDKit's stubs say str


def _flatten(columns: Columns, rows: Sequence[int], rejected: Sequence[Rejected]) -> FlatGraphs:
    first_atom = np.cumsum(columns.atoms) - columns.atoms
    begin, end = columns.ends
    receiver = (columns.ends + np.repeat(first_atom, columns.bonds)).ravel()
    order = np.argsort(receiver, kind="stable")
    code = BOND_DIRECTIONS * _BOND_TYPE[columns.bond_type] + _BOND_DIRECTION[columns.direction]
    return FlatGraphs(
        rows=np.array(rows, np.int64),
        atoms=columns.atoms.astype(np.int32),
        entries=(2 * columns.bonds).astype(np.int32),
        atom_type=_ATOM_TYPE[columns.atomic_number],
        chirality=_CHIRALITY[columns.chiral_tag],
        degree=np.bincount(receiver, minlength=len(columns.atomic_number)).astype(np.uint8),
        neighbour=np.concatenate([end, begin])[order].astype(np.int16),
        bond=np.concatenate([code, code])[order],
        rejected=list(rejected),
    )
