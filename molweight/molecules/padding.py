"""Batches of fixed shape, for programs that are recorded once and replayed: a GPU's graphs.

A padded batch holds the same molecules as another, and padding. It is assembled by operations whose shapes
depend on its capacity alone and that never wait for a value, so that assembling can be recorded too.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from molweight.molecules.batch import GraphBatch, rows_of, spans
from molweight.molecules.store import Store
from molweight.molecules.vocabulary import BOND_DIRECTIONS, BOND_TYPES, SELF_LOOP

SPARE = 3.0  # standard deviations of a batch's size that its capacity is above the mean
ROUND = 64  # capacities are multiples of it, which suits matrix products


@dataclass(frozen=True)
class Capacity:
    """What a batch has room for.

    Attributes:
        atoms: of them, padding counted.
        entries: of them, self-loops counted.
        reach: how far apart the numbers of bonded atoms may be, where that is known.
    """

    atoms: int
    entries: int
    reach: int | None = None


@dataclass(frozen=True)
class Sizes:
    """Of the molecules of a store, on the CPU.

    Attributes:
        atoms: int64 [molecules].
        entries: self-loops counted, int64 [molecules].
        reach: how far apart the numbers of bonded atoms are at most.
    """

    atoms: Tensor
    entries: Tensor
    reach: int

    @classmethod
    def of(cls, store: Store) -> "Sizes":
        """Wherever the store lies."""
        store = store.to("cpu")
        atoms, bonds = (o.long().diff() for o in (store.atom_offsets, store.entry_offsets))
        first = torch.repeat_interleave(store.atom_offsets[:-1], atoms)
        number = (torch.arange(len(first), dtype=torch.int32) - first).repeat_interleave(store.degree.int())
        apart = (store.neighbour - number).abs()
        return cls(atoms, atoms + bonds, int(apart.max()) if len(apart) else 0)

    def capacity(self, molecules: Tensor, batch_size: int) -> Capacity:
        """Room for all but about one in a thousand random batches of these molecules, int64 [molecules]."""
        atoms, entries = (_room(s[molecules], batch_size) for s in (self.atoms, self.entries))
        return Capacity(_rounded(atoms + 1), _rounded(entries), self.reach)  # one atom is always padding

    def fit(self, molecules: Tensor, capacity: Capacity) -> bool:
        """Whether these molecules have room; where they have not, a batch of their own shape must do."""
        atoms, entries = int(self.atoms[molecules].sum()), int(self.entries[molecules].sum())
        return atoms < capacity.atoms and entries <= capacity.entries


@dataclass(frozen=True)
class PaddedBatch(GraphBatch):
    """A batch with atoms that are not there: the last one, and all that `real` does not name.

    An entry that leads to the last atom is not there either. `sizes` counts atoms whether they are there or
    not, and has molecules that are padding altogether, so that every atom lies in one.
    """

    real: Tensor  # bool [atoms]
    whole: Tensor  # int64 [molecules that are there], their positions in `sizes`
    reach: int | None  # how far apart the numbers of bonded atoms may be, where that is known

    @property
    def padding(self) -> int:
        """The last atom, to which entries that are not there lead."""
        return self.atoms - 1

    @property
    def present(self) -> Tensor:
        """Whether an entry is there: bool [entries]."""
        return self.neighbour != self.padding

    @property
    def bonded(self) -> Tensor:
        """Whether an entry is a bond, seen from the atom of the lower number: bool [entries]."""
        return (self.receiver < self.neighbour) & self.present

    @cached_property
    def bond_counts(self) -> Tensor:
        """How many entries of each bond type, then of each direction, an atom has: float32 [atoms, 9]."""
        width = BOND_TYPES + BOND_DIRECTIONS
        row, there = self.receiver * width, self.present.to(torch.float32)
        counts = there.new_zeros(self.atoms * width)
        for column in (self.bond_type, self.bond_direction + BOND_TYPES):
            counts.index_add_(0, row + column, there)
        return counts.view(self.atoms, width)

    def positions(self, chosen: Tensor, most: int) -> tuple[Tensor, Tensor]:
        """Where a choice is true, in `most` places, and whether a place is taken."""
        up_to = chosen.cumsum(0)
        number = torch.arange(1, most + 1, device=chosen.device)
        found = torch.searchsorted(up_to, number).clamp(max=len(chosen) - 1)
        return found, number <= up_to[-1]


def collate_padded(store: Store, molecules: Tensor, capacity: Capacity) -> PaddedBatch:
    """Gather molecules of a store into one batch of a fixed shape, on the store's device.

    The caller has seen to it that they `fit`. Where they do not, the batch is not truncated: the device
    stops at a negative number of padding atoms or entries, with an error of its own.

    Args:
        store: the data set.
        molecules: positions in the store, int64 [molecules]; repeats are allowed.
        capacity: of the batch.
    """
    atom_start, sizes = spans(store.atom_offsets, molecules)
    entry_start, entries = spans(store.entry_offsets, molecules)
    slot = torch.arange(capacity.atoms, device=store.device)
    count = sizes.sum()
    sizes = torch.cat([sizes, (capacity.atoms - count)[None]])
    molecule = torch.repeat_interleave(sizes, output_size=capacity.atoms)
    real = slot < count
    # of each molecule, what to add to a position in the batch for that in the store; of padding, anything
    first = sizes.cumsum(0) - sizes
    to_atom = _with_zero(atom_start) - first
    to_entry = _with_zero(entry_start - (entries.cumsum(0) - entries))
    atom = torch.where(real, slot + to_atom[molecule], 0)
    ends = torch.where(real, store.degree[atom].long() + 1, 0).cumsum(0)
    # entries to spare are dealt out to the atoms of padding, or one of them would have a row that takes long
    spare = (slot + 1 - count).clamp(min=0) * (capacity.entries - ends[-1]) // (capacity.atoms - count)
    row_offsets = torch.cat([ends.new_zeros(1), ends + spare])

    receiver = torch.repeat_interleave(row_offsets.diff(), output_size=capacity.entries)
    entry = torch.arange(capacity.entries, device=store.device)
    there, loop, within = real[receiver], entry == row_offsets[receiver], molecule[receiver]
    source = torch.where(there & ~loop, entry - receiver - 1 + to_entry[within], 0)
    other = _looked_up(store.neighbour, source) + first[within]
    code = _looked_up(store.bond, source)
    made = PaddedBatch(
        atom_type=store.atom_type[atom].long(),
        chirality=store.chirality[atom].long(),
        row_offsets=row_offsets,
        neighbour=torch.where(there, torch.where(loop, receiver, other), capacity.atoms - 1),
        bond_type=torch.where(loop, SELF_LOOP, code // BOND_DIRECTIONS),
        bond_direction=torch.where(loop, 0, code % BOND_DIRECTIONS),
        sizes=sizes,
        descriptors=rows_of(store.descriptors, molecules),
        fingerprints=rows_of(store.fingerprints, molecules),
        real=real,
        whole=torch.arange(len(molecules), device=store.device),
        reach=capacity.reach,
    )
    vars(made).update(molecule=molecule, receiver=receiver)
    return made.derive()


def _looked_up(values: Tensor, positions: Tensor) -> Tensor:
    # a store of single atoms has no bond to look up
    return values[positions].long() if len(values) else torch.zeros_like(positions)


def _with_zero(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_zeros(1)])


def _room(sizes: Tensor, batch_size: int) -> int:
    """Bound of the sum of a random batch of these sizes, drawn without repeats."""
    size = min(batch_size, len(sizes))
    values = sizes.double()
    left = 1 - size / len(sizes)
    spread = float(values.std(correction=0)) * math.sqrt(size * left)
    most = float(values.topk(size).values.sum())
    return math.ceil(min(most, float(values.mean()) * size + SPARE * spread))


def _rounded(size: int) -> int:
    return -(-size // ROUND) * ROUND
