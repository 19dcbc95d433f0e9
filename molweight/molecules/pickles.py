"""RDKit's binary form of many molecules, read at once with numpy in place of a call for every atom.

An atom or bond takes as many bytes as its flags say, so where one lies is known only after the one before:
the n-th atoms of all molecules are found together, then the next. The form is RDKit's own. Only versions that
were compared are read, and of them only molecules whose parts end where the next begin; the others are for
the caller to ask RDKit about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEADERS = {b"\xef\xbe\xad\xde" + np.array([0, 16, minor, 0], "<i4").tobytes() for minor in (1, 2, 3, 4)}
_HEADER, _FIRST_ATOM = 20, 30
_SIZES = np.arange(_HEADER, _HEADER + 8)  # numbers of atoms and of bonds
_BONDS_FOLLOW, _RINGS_FOLLOW = 11, 66  # tags
_WIDE = 255  # beyond this number of atoms, four bytes name one

# an atom: its number, flags, four bytes that say what follows, and that
_ATOM_HEAD = 6
_ATOM_FLAGS = 0x60  # aromatic, no implicit hydrogens; others mean a query, a map number or a label
_CHARGE, _CHIRAL = 2, 4  # first two of what may follow, a byte each
_ISOTOPE = 1  # in the second byte: four bytes
_ATOM_BYTES = _ATOM_HEAD + np.array([(flags >> 1).bit_count() for flags in range(256)])

# a bond: its two atoms, flags, and what they say
_TYPE, _DIRECTION, _STEREO = 8, 4, 2
_BOND_FLAGS = 0x60 | _TYPE | _DIRECTION | _STEREO  # aromatic, conjugated; others mean a query
_BOND_BYTES = np.array([1 + sum(n for bit, n in ((8, 1), (4, 1), (2, 2)) if f & bit) for f in range(256)])
_SINGLE = 1

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
At = Callable[[Ints], Bytes]


@dataclass(frozen=True)
class Columns:
    """Atoms and bonds of several molecules end to end, in RDKit's own numbers."""

    atoms: Ints  # [molecules] number of atoms
    bonds: Ints  # [molecules] number of bonds
    atomic_number: Bytes  # [atoms]
    chiral_tag: Bytes  # [atoms]
    ends: Ints  # [2, bonds] atoms within the molecule
    bond_type: Bytes  # [bonds]
    direction: Bytes  # [bonds]


def readable(pickle: bytes) -> bool:
    """Whether this is a version of the form that is known here."""
    return pickle[:_HEADER] in _HEADERS


def decode(pickles: Sequence[bytes]) -> tuple[Columns, NDArray[np.bool_]]:
    """Read what `Mol.ToBinary(0)` gave.

    Args:
        pickles: sanitised molecules with at least one atom each, all of them `readable`.

    Returns:
        The columns, and which molecules are right, [molecules]; of the others only the numbers of atoms and
        bonds are.

    >>> from rdkit.Chem import MolFromSmiles
    >>> columns, right = decode([MolFromSmiles(s).ToBinary(0) for s in ("OC=N", "*C")])
    >>> columns.atomic_number[:3].tolist(), columns.ends[:, :2].tolist(), right.tolist()
    ([8, 6, 7], [[0, 1], [1, 2]], [True, False])
    """
    content = np.frombuffer(b"".join(pickles) + bytes(16), np.uint8)
    start = np.cumsum([0, *map(len, pickles)])[:-1]
    atoms, bonds = content[start[:, None] + _SIZES].view("<i4").astype(np.int64).T
    width = np.where(atoms > _WIDE, 4, 1)

    def at(position: Ints) -> Bytes:
        return content.take(position, mode="clip")  # what is no molecule leads anywhere

    atom, atoms_end = _chain(start + _FIRST_ATOM, atoms, lambda i, _: _after_atom(at, i))
    bond, bonds_end = _chain(atoms_end + 1, bonds, lambda i, m: _after_bond(at, i, width[m]))
    wide = np.repeat(width, bonds)
    ends = np.stack([_index(at, bond, wide), _index(at, bond + wide, wide)])
    flags = bond + 2 * wide
    columns = Columns(atoms, bonds, at(atom), _chiral_tag(at, atom), ends, *_bond_features(at, flags))
    right = (at(atoms_end) == _BONDS_FOLLOW) & (at(bonds_end) == _RINGS_FOLLOW)
    odd_atoms = at(atom + 1) & ~np.uint8(_ATOM_FLAGS) != 0
    odd_bonds = (at(flags) & ~np.uint8(_BOND_FLAGS) != 0) | (
        ends.max(0, initial=0) >= np.repeat(atoms, bonds)
    )
    right[np.repeat(np.arange(len(atoms)), atoms)[odd_atoms]] = False
    right[np.repeat(np.arange(len(atoms)), bonds)[odd_bonds]] = False
    return columns, right


def _chain(start: Ints, counts: Ints, after: Callable[[Ints, Ints], Ints]) -> tuple[Ints, Ints]:
    """Where each molecule's parts lie, [all parts], and where the last one ends, [molecules].

    Args:
        start: where the first part lies, [molecules].
        counts: number of parts, [molecules].
        after: from where parts lie, and the molecules they are of, to where they end.
    """
    order = np.argsort(-counts, kind="stable")  # those that have an n-th part stand in front
    first, here = (np.cumsum(counts) - counts)[order], start[order]
    found = np.empty(counts.sum(), np.int64)
    having = np.cumsum(np.bincount(counts)[::-1])[-2::-1]  # molecules with an n-th part, [largest count]
    for number, molecules in enumerate(having.tolist()):
        found[first[:molecules] + number] = here[:molecules]
        here[:molecules] = after(here[:molecules], order[:molecules])
    end = np.empty_like(here)
    end[order] = here
    return found, end


def _after_atom(at: At, atom: Ints) -> Ints:
    return atom + _ATOM_BYTES[at(atom + 2)] + 4 * (at(atom + 3) & _ISOTOPE)


def _after_bond(at: At, bond: Ints, width: Ints) -> Ints:
    end = bond + 2 * width
    flags = at(end)
    end += _BOND_BYTES[flags]
    (stereo,) = np.nonzero(flags & _STEREO)  # also a list of atoms, behind its length
    end[stereo] += width[stereo] * at(end[stereo] - 1)
    return end


def _index(at: At, position: Ints, width: Ints) -> Ints:
    index = at(position).astype(np.int64)
    (wide,) = np.nonzero(width > 1)
    for byte in (1, 2):  # a third would say more than 16 million
        index[wide] += at(position[wide] + byte).astype(np.int64) << 8 * byte
    return index


def _chiral_tag(at: At, atom: Ints) -> Bytes:
    flags = at(atom + 2)
    tag = np.zeros(len(atom), np.uint8)
    (chiral,) = np.nonzero(flags & _CHIRAL)
    tag[chiral] = at(atom[chiral] + _ATOM_HEAD + (flags[chiral] & _CHARGE != 0))
    return tag


def _bond_features(at: At, flags_at: Ints) -> tuple[Bytes, Bytes]:
    flags = at(flags_at)
    typed = flags & _TYPE != 0
    bond_type = np.where(typed, at(flags_at + 1), np.uint8(_SINGLE))
    direction = np.where(flags & _DIRECTION, at(flags_at + 1 + typed), np.uint8(0))
    return bond_type, direction
