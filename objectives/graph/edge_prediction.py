"""Edge prediction (GraphSAGE, Hamilton et al., NeurIPS 2017, equation 1, within each molecule)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
from molweight.objectives.graph.corruption import no_signal, uniform


class EdgePrediction(nn.Module):
    """Are two atoms of a molecule bonded? Each bond against a random pair that shares one of its atoms.

    The score is the inner product of the two projected representations over the square root of the width.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, width)

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean binary cross-entropy over bonded and unbonded pairs, a scalar."""
        first = batch.receiver[batch.receiver < batch.neighbour]
        second = batch.neighbour[batch.receiver < batch.neighbour]
        turned = uniform(len(first), batch, generator) < 0.5  # the numbering must not decide which is shared
        first, second = torch.where(turned, second, first), torch.where(turned, first, second)
        draw = uniform(len(first), batch, generator)
        molecule = batch.molecule[first]
        other = batch.first_atom[molecule] + (draw * batch.sizes[molecule]).long()
        unbonded = ~_adjacent(batch, first, other)
        if not unbonded.any():
            return no_signal(batch, lambda nothing: self.head(encoder(nothing)))
        z = self.head(encoder(batch))
        left, right = torch.cat([first, first[unbonded]]), torch.cat([second, other[unbonded]])
        bonded, apart = _scores(z, left, right).split([len(first), len(left) - len(first)])
        return 0.5 * (-F.logsigmoid(bonded).mean() - F.logsigmoid(-apart).mean())


def _scores(z: Tensor, left: Tensor, right: Tensor) -> Tensor:
    # widened after the gather, which moves half as much, and `index_select` has the faster backward pass
    one, two = (at_least_float32(z.index_select(0, rows)) for rows in (left, right))
    return z.shape[1] ** -0.5 * (one * two).sum(1)


def _adjacent(batch: GraphBatch, first: Tensor, second: Tensor) -> Tensor:
    """Whether pairs of atoms are bonded or the same atom: bool [pairs]."""
    present = (batch.receiver * batch.atoms + batch.neighbour).sort().values
    wanted = first * batch.atoms + second
    place = torch.searchsorted(present, wanted).clamp(max=len(present) - 1)
    return present[place] == wanted
