"""Random choices on the atoms and bonds of a batch, all drawn from one generator."""

from collections.abc import Callable

import torch
from torch import Tensor

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
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
    chosen[order] = place < quota[batch.molecule]
    return chosen


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
