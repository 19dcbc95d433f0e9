"""Random choices on the atoms and bonds of a batch, all drawn from one generator."""

from collections.abc import Callable

import torch
from torch import Tensor

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
from molweight.molecules.padding import PaddedBatch
from molweight.molecules.subgraphs import keep_atoms


def uniform(count: int, batch: GraphBatch, generator: torch.Generator) -> Tensor:
    """Numbers from [0, 1): float64 [count], on the batch's device."""
    drawn = torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device)
    return drawn.to(batch.sizes.device)


def choose_atoms(batch: GraphBatch, rate: float, generator: torch.Generator) -> Tensor:
    """A uniform choice of ⌊rate·n⌋ + 1 of the n atoms of each molecule: bool [atoms]."""
    order = torch.argsort(batch.molecule + uniform(batch.atoms, batch, generator))
    place = torch.arange(batch.atoms, device=order.device) - batch.first_atom[batch.molecule]
    quota = (rate * batch.sizes).long() + 1
    chosen = torch.zeros_like(batch.atom_type, dtype=torch.bool)
    chosen = chosen.scatter(0, order, place < quota[batch.molecule])
    return chosen & batch.real if isinstance(batch, PaddedBatch) else chosen


def choose_bonds(batch: GraphBatch, rate: float, generator: torch.Generator) -> Tensor:
    """Each bond with probability `rate`, the same for both of its entries: bool [entries].

    The fraction of the sum of two uniform numbers, one for each atom, is uniform, equal seen from
    either end, and pairwise independent between bonds: no search for the opposite entry is needed.
    """
    key = uniform(batch.atoms, batch, generator)
    return (key[batch.receiver] + key[batch.neighbour]) % 1 < rate


def choose_atom_each(batch: GraphBatch, generator: torch.Generator) -> Tensor:
    """One atom of each molecule: int64 [molecules]."""
    return batch.first_atom + (uniform(batch.molecules, batch, generator) * batch.sizes).long()


def choose_other(usable: Tensor, batch: GraphBatch, generator: torch.Generator) -> Tensor:
    """For each usable molecule another one, at one random distance in their circle: int64 [molecules].

    Args:
        usable: bool [molecules], true for at least two; the others get anything.
        batch: the graphs.
        generator: of the distance.
    """
    count = usable.sum()
    member, _ = batch.positions(usable, len(usable))
    rank = usable.cumsum(0) - 1
    return member[(rank - _below(count, batch, generator)) % count.clamp(min=1)]


def _below(count: Tensor, batch: GraphBatch, generator: torch.Generator) -> Tensor:
    """A number from 1 to `count` - 1: int64 scalar."""
    if batch.padding is None:
        drawn = torch.randint(1, int(count), (), generator=generator, device=generator.device)
        return drawn.to(count.device)
    return 1 + (uniform(1, batch, generator)[0] * (count - 1)).long()  # which does not wait for the count


def lacks_signal(batch: GraphBatch, signal: Tensor) -> bool:
    """Whether a batch is known to have nothing to learn from; of a padded one, that is not waited for."""
    return batch.padding is None and not bool(signal)


def shown_if(signal: Tensor, batch: GraphBatch) -> GraphBatch:
    """The batch, or without a signal, bool scalar, a padded one of no atoms."""
    return batch if batch.padding is None else keep_atoms(batch, signal.expand(batch.atoms))


def mean_where(there: Tensor, values: Tensor) -> Tensor:
    """Mean of the values that are there, bool of the same shape; 0 where none is."""
    return torch.where(there, values, 0.0).sum() / there.sum().clamp(min=1)


def no_signal(batch: GraphBatch, *networks: Callable[[GraphBatch], Tensor]) -> Tensor:
    """A zero loss that reaches every parameter, for a batch that has nothing to learn from.

    The networks are shown no atoms rather than left out: batch normalisation over all ranks of a
    data-parallel run waits until every rank has called it.

    Args:
        batch: on the device of the networks.
        networks: from a batch to representations of its atoms.
    """
    nothing = keep_atoms(batch, torch.zeros_like(batch.atom_type, dtype=torch.bool))
    return 0.0 * torch.stack([at_least_float32(network(nothing)).sum() for network in networks]).sum()
