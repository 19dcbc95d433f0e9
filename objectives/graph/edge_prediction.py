"""Edge prediction (GraphSAGE, Hamilton et al., NeurIPS 2017, equation 1, within each molecule)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
from molweight.objectives.graph.corruption import (
    lacks_signal,
    mean_where,
    no_signal,
    shown_if,
    uniform,
)


class EdgePrediction(nn.Module):
    """Are two atoms of a molecule bonded? Each bond against a random pair that shares one of its atoms.

    The score is the inner product of the two projected representations over the square root of the width.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, width)

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean binary cross-entropy over bonded and unbonded pairs, a scalar."""
        bond, there = batch.positions(batch.bonded, most=len(batch.neighbour) // 2)
        first, second = batch.receiver[bond], batch.neighbour[bond]
        turned = uniform(len(first), batch, generator) < 0.5  # the numbering must not decide which is shared
        first, second = torch.where(turned, second, first), torch.where(turned, first, second)
        draw = uniform(len(first), batch, generator)
        molecule = batch.molecule[first]
        other = batch.first_atom[molecule] + (draw * batch.sizes[molecule]).long()
        unbonded = there & ~_adjacent(batch, first, other)
        signal = unbonded.any()
        if lacks_signal(batch, signal):
            return no_signal(batch, lambda nothing: self.head(encoder(nothing)))
        z = self.head(encoder(shown_if(signal, batch)))
        bonded, apart = _scores(z, torch.cat([first, first]), torch.cat([second, other])).chunk(2)
        together, away = mean_where(there, -F.logsigmoid(bonded)), mean_where(unbonded, -F.logsigmoid(-apart))
        return 0.5 * signal * (together + away)


def _scores(z: Tensor, left: Tensor, right: Tensor) -> Tensor:
    # widened after the gather, which moves half as much
    one, two = (at_least_float32(_gathered(z, rows)) for rows in (left, right))
    return z.shape[1] ** -0.5 * (one * two).sum(1)


def _gathered(z: Tensor, rows: Tensor) -> Tensor:
    # `index_select` has the faster backward pass, which on a GPU adds in any order
    return z[rows] if z.is_cuda else z.index_select(0, rows)


def _adjacent(batch: GraphBatch, first: Tensor, second: Tensor) -> Tensor:
    """Whether pairs of atoms are bonded or the same atom: bool [pairs]."""
    present = (batch.receiver * batch.atoms + batch.neighbour).sort().values
    wanted = first * batch.atoms + second
    place = torch.searchsorted(present, wanted).clamp(max=len(present) - 1)
    return present[place] == wanted
