"""Which rows of each layer are worth computing: atoms with identical environments have identical rows.

A GIN layer sees of an atom the multiset of its neighbours' rows, its own among them, and its bond counts.
Atoms that agree in both get the same row, to the last bit and with the same gradient, so that one product
serves them all. Of 256 drug-like molecules 4, 34, 61, 74 and 80 % of the rows differ after layers 1 to 5.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from molweight.molecules.batch import GraphBatch
from molweight.molecules.vocabulary import CHIRALITIES

WORTH_SHARING = 0.9  # share of the atoms that rows may come to before one for each atom is cheaper
MOST_NEIGHBOURS = 100  # of one atom: seven bits hold each of its bond counts

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Incidence:
    """A sparse matrix M of ones, in compressed rows; `M.T` too, computed when a gradient first needs it."""

    column: Tensor  # [entries] int64
    row_offsets: Tensor  # [rows + 1] int64
    columns: int

    def times(self, x: Tensor) -> Tensor:
        """M·x: [columns, width] to [rows, width]."""
        return F.embedding_bag(self.column, x, self.row_offsets, mode="sum", include_last_offset=True)

    def transposed_times(self, x: Tensor) -> Tensor:
        """Mᵀ·x: [rows, width] to [columns, width]."""
        return self._transpose.times(x)

    @cached_property
    def _transpose(self) -> "Incidence":
        rows = len(self.row_offsets) - 1
        row = torch.repeat_interleave(self.row_offsets.diff(), output_size=len(self.column))
        order = torch.argsort(self.column, stable=True)
        ends = torch.bincount(self.column, minlength=self.columns).cumsum(0)
        return Incidence(row[order], torch.cat([ends.new_zeros(1), ends]), rows)


class Symmetric(Incidence):
    """M = Mᵀ, as the adjacency of a batch."""

    def transposed_times(self, x: Tensor) -> Tensor:
        """M·x."""
        return self.times(x)


@dataclass(frozen=True)
class LayerRows:
    """The rows that one layer computes.

    Attributes:
        neighbours: from the rows of the layer below.
        bond_counts: of each row, with a last column of ones for the bias, float32 [rows, 10].
        multiplicity: atoms that a row stands for, float32 [rows]; None where there is a row for each atom.
        spread: from these rows to one for each atom, where the next step needs them apart.
    """

    neighbours: Incidence
    bond_counts: Tensor
    multiplicity: Tensor | None
    spread: Incidence | None


@dataclass(frozen=True)
class RowPlan:
    """`first`: for each row of the embedding, an atom that it stands for; and the rows of every layer."""

    first: Tensor
    layers: tuple[LayerRows, ...]


def plan_rows(batch: GraphBatch, layers: int, shareable: int) -> RowPlan:
    """The rows of every layer of a GIN on a batch that lies on the CPU.

    Environments are told apart by a hash, and every row that is to be shared is then compared with the one
    that stands for it, so that a collision costs speed and nothing else.

    Args:
        batch: the graphs.
        layers: of the GIN.
        shareable: layers whose output may be shared; after them, dropout say makes all rows differ.
    """
    graph = _Graph(batch)
    atoms = _distinct(_atom_key(batch))
    classes: _Classes | None = atoms
    below, found = len(atoms.first), []
    ones = batch.bond_counts.new_ones(batch.atoms, 1)
    counts = torch.cat([batch.bond_counts, ones], dim=1)
    for number in range(1, layers + 1):
        finer = graph.refine(classes) if classes is not None and number <= shareable else None
        neighbours = graph.neighbours(classes, below, finer)
        if finer is None:
            classes, below = None, batch.atoms
            found.append(LayerRows(neighbours, counts, None, None))
            continue
        classes, below = finer, len(finer.first)
        last = number in (layers, shareable)
        spread = _one_each(finer.row, below) if last else None
        multiplicity = torch.from_numpy(finer.multiplicity).to(counts.dtype)
        found.append(LayerRows(neighbours, counts[torch.from_numpy(finer.first)], multiplicity, spread))
        classes = None if last else classes
        below = batch.atoms if last else below
    return RowPlan(torch.from_numpy(atoms.first), tuple(found))


@dataclass(frozen=True)
class _Classes:
    """Atoms grouped: the class of each, and of each class the first atom and the number of atoms."""

    row: Integers  # [atoms]
    first: Integers  # [classes]
    multiplicity: Integers  # [classes]


class _Graph:
    """The adjacency and bonds of a batch as numpy arrays."""

    def __init__(self, batch: GraphBatch) -> None:
        self.batch = batch
        self.column, self.offsets = batch.neighbour.numpy(), batch.row_offsets.numpy()
        self.degree = np.diff(self.offsets)
        self.small = bool(self.degree.max(initial=0) <= MOST_NEIGHBOURS and self.degree.min(initial=1) > 0)

    @cached_property
    def bonds(self) -> Integers:
        """Bond counts packed into one number, exactly."""
        counts = self.batch.bond_counts.numpy().astype(np.int64)
        packed: Integers = counts @ (1 << 7 * np.arange(counts.shape[1], dtype=np.int64))
        return packed

    @cached_property
    def slot(self) -> Integers:
        """Place of each entry in a table of [atoms, most neighbours]."""
        receiver = np.repeat(np.arange(len(self.degree)), self.degree)
        place = np.arange(len(self.column)) - self.offsets[receiver]
        slots: Integers = receiver * self.degree.max() + place
        return slots

    def refine(self, classes: _Classes) -> _Classes | None:
        """Atoms that agree in neighbours, by class, and bonds; None where sharing them does not pay."""
        if not self.small:
            return None
        seen = classes.row[self.column]
        key = np.add.reduceat(_mixed(seen), self.offsets[:-1]) + _mixed(_mixed(self.bonds))
        finer = _distinct(_mixed(key))
        if len(finer.first) > WORTH_SHARING * len(self.degree):
            return None
        return finer if self._agree(seen, finer) else None

    def _agree(self, seen: Integers, classes: _Classes) -> bool:
        table = np.full((len(self.degree), self.degree.max()), -1, dtype=np.int32)
        table.reshape(-1)[self.slot] = seen
        table.sort(axis=1)
        like = classes.first[classes.row]
        return bool((table == table[like]).all() and (self.bonds == self.bonds[like]).all())

    def neighbours(self, below: _Classes | None, columns: int, rows: _Classes | None) -> Incidence:
        """From the rows of the layer below to those of a layer; None stands for a row for each atom."""
        if below is None:
            return Symmetric(self.batch.neighbour, self.batch.row_offsets, columns)
        if rows is None:
            return Incidence(torch.from_numpy(below.row[self.column]), self.batch.row_offsets, columns)
        degree = self.degree[rows.first]
        offsets = np.concatenate([[0], degree.cumsum()])
        entry = np.repeat(self.offsets[rows.first] - offsets[:-1], degree) + np.arange(offsets[-1])
        column = below.row[self.column[entry]]
        return Incidence(torch.from_numpy(column), torch.from_numpy(offsets), columns)


def _atom_key(batch: GraphBatch) -> Integers:
    key: Integers = (batch.atom_type * CHIRALITIES + batch.chirality).numpy()
    return key


def _distinct(key: Integers) -> _Classes:
    _, first, row, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return _Classes(row, first, count)


def _one_each(row: Integers, columns: int) -> Incidence:
    return Incidence(torch.from_numpy(row), torch.arange(len(row) + 1), columns)


def _mixed(x: Integers) -> Integers:
    """Spread numbers over 64 bits: the finaliser of SplitMix64 (Steele et al., 2014)."""
    z = x.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Integers = (z ^ (z >> np.uint64(31))).view(np.int64)
    return mixed
