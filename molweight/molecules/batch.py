"""Molecular graphs of one step, collated: features of all atoms and one sparse adjacency."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from molweight.molecules.store import Store
from molweight.molecules.vocabulary import BOND_DIRECTIONS, BOND_TYPES, SELF_LOOP

# the fields that what is derived depends on
SOURCES = {
    "molecule": {"sizes"},
    "first_atom": {"sizes"},
    "receiver": {"row_offsets"},
    "bond_counts": {"row_offsets", "neighbour", "bond_type", "bond_direction"},
}


@dataclass(frozen=True)
class GraphBatch:
    """Several molecular graphs as one, in compressed sparse rows with self-loops.

    Entries `row_offsets[a]` to `row_offsets[a + 1]` are the neighbours of atom a, itself among them;
    the adjacency is symmetric. Tensors of the graphs are int64, and all lie on one device.
    """

    atom_type: Tensor  # [atoms]
    chirality: Tensor  # [atoms]
    row_offsets: Tensor  # [atoms + 1]
    neighbour: Tensor  # [entries]
    bond_type: Tensor  # [entries]
    bond_direction: Tensor  # [entries]
    sizes: Tensor  # [molecules] atoms in each
    # as in the store, [molecules that are there, columns]; what reads them takes them to float32
    descriptors: Tensor | None = field(default=None, kw_only=True)
    fingerprints: Tensor | None = field(default=None, kw_only=True)

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.atom_type)

    @property
    def molecules(self) -> int:
        """Number of molecules."""
        return len(self.sizes)

    @cached_property
    def molecule(self) -> Tensor:
        """Molecule of each atom, [atoms]."""
        return _repeat_range(self.sizes, self.atoms)

    @cached_property
    def first_atom(self) -> Tensor:
        """First atom of each molecule, [molecules]."""
        return self.sizes.cumsum(0) - self.sizes

    @cached_property
    def receiver(self) -> Tensor:
        """Atom whose row an entry stands in, [entries]."""
        return _repeat_range(self.row_offsets.diff(), len(self.neighbour))

    @cached_property
    def bond_counts(self) -> Tensor:
        """How many entries of each bond type, then of each direction, an atom has: float32 [atoms, 9]."""
        width = BOND_TYPES + BOND_DIRECTIONS
        column = torch.cat([self.bond_type, self.bond_direction + BOND_TYPES])
        cell = torch.cat([self.receiver, self.receiver]) * width + column
        counts = torch.bincount(cell, minlength=self.atoms * width)
        return counts.view(self.atoms, width).to(torch.float32)

    @property
    def padding(self) -> int | None:
        """The atom to which entries that are not there lead, in a padded batch."""
        return None

    @property
    def bonded(self) -> Tensor:
        """Whether an entry is a bond, seen from the atom of the lower number: bool [entries]."""
        return self.receiver < self.neighbour

    def positions(self, chosen: Tensor, most: int) -> tuple[Tensor, Tensor]:
        """Where a choice is true.

        Args:
            chosen: bool [values].
            most: of them can be true; a padded batch makes room for as many.

        Returns:
            Positions, int64 [places], and whether a place is taken, bool [places]: always, but in padding.
        """
        found = chosen.nonzero().squeeze(1)
        return found, torch.ones_like(found, dtype=torch.bool)

    def edit(self, **changes: Any) -> Self:
        """With other fields; what is derived from unchanged ones is kept."""
        made = replace(self, **changes)
        for name in SOURCES.keys() & vars(self).keys():
            if not SOURCES[name] & changes.keys():
                vars(made)[name] = vars(self)[name]
        return made

    def derive(self) -> Self:
        """Compute now, and keep, what is derived from the fields; returns the batch itself.

        Computed first inside a `torch.func` transform, it would be kept beyond the transform and be of no
        use outside. Batches that enter one are therefore derived when they are made.
        """
        _ = self.molecule, self.first_atom, self.receiver, self.bond_counts
        return self

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        moved = {name: value.to(device) for name, value in fields.items() if isinstance(value, Tensor)}
        return replace(self, **moved).derive()


def collate(store: Store, molecules: Tensor) -> GraphBatch:
    """Gather molecules of a store into one batch, on the store's device.

    Args:
        store: the data set.
        molecules: positions in the store, int64 [molecules]; repeats are allowed.
    """
    atom_start, sizes = spans(store.atom_offsets, molecules)
    entry_start, entries = spans(store.entry_offsets, molecules)
    atom, entry = ranges(atom_start, sizes), ranges(entry_start, entries)
    count, device = len(atom), store.device
    degree = store.degree[atom].long()
    index = torch.arange(count, device=device)
    receiver = torch.repeat_interleave(index, degree, output_size=len(entry))
    row_offsets = torch.cat([degree.new_zeros(1), (degree + 1).cumsum(0)])
    loop = row_offsets[:-1]  # the self-loop stands first in its row
    other = torch.arange(len(entry), device=device) + receiver + 1
    shift = torch.repeat_interleave(sizes.cumsum(0) - sizes, entries, output_size=len(entry))
    code = store.bond[entry].long()

    def with_loops(values: Tensor, at_loop: Tensor | int) -> Tensor:
        full = values.new_empty(len(entry) + count)
        full[loop], full[other] = at_loop, values
        return full

    return GraphBatch(
        atom_type=store.atom_type[atom].long(),
        chirality=store.chirality[atom].long(),
        row_offsets=row_offsets,
        neighbour=with_loops(store.neighbour[entry].long() + shift, index),
        bond_type=with_loops(code // BOND_DIRECTIONS, SELF_LOOP),
        bond_direction=with_loops(code % BOND_DIRECTIONS, 0),
        sizes=sizes,
        descriptors=rows_of(store.descriptors, molecules),
        fingerprints=rows_of(store.fingerprints, molecules),
    ).derive()


def carried(values: Tensor | None, what: str) -> Tensor:
    """What a batch carries of its molecules.

    Args:
        values: the field, [molecules, columns].
        what: its name.

    Raises:
        ValueError: if it carries none.
    """
    if values is None:
        raise ValueError(f"the store carries no {what}; make it by with_{what}(store, smiles)")
    return values


def rows_of(values: Tensor | None, molecules: Tensor) -> Tensor | None:
    """Of these molecules, [molecules, columns], where the store has them."""
    return None if values is None else values[molecules]


def spans(offsets: Tensor, molecules: Tensor) -> tuple[Tensor, Tensor]:
    """Where each molecule begins in a store, and how much it owns there: both int64 [molecules]."""
    start = offsets[molecules].long()
    return start, offsets[molecules + 1].long() - start


def ranges(start: Tensor, length: Tensor) -> Tensor:
    """start[0], start[0] + 1, ..., for `length[0]` numbers, then likewise for the next."""
    shift = torch.repeat_interleave(start - (length.cumsum(0) - length), length)
    return shift + torch.arange(len(shift), device=start.device)


def _repeat_range(repeats: Tensor, total: int) -> Tensor:
    index = torch.arange(len(repeats), device=repeats.device)
    return torch.repeat_interleave(index, repeats, output_size=total)
