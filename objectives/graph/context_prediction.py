"""Context prediction (Hu et al., ICLR 2020, section 3.1.1)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_of_chosen
from molweight.molecules.batch import GraphBatch
from molweight.molecules.subgraphs import at_atoms, hop_distance, keep_atoms
from molweight.objectives.graph.corruption import (
    choose_atom_each,
    choose_other,
    lacks_signal,
    mean_where,
    no_signal,
)


class ContextPrediction(nn.Module):
    """Which ring of surroundings belongs to which neighbourhood?

    Around one random atom of each molecule, the encoder sees the neighbourhood of k bonds; an auxiliary
    GIN, the head, sees the context ring from k to k + `ring` bonds and averages its anchors, the atoms k
    bonds away that both have in common. Their inner product, over the square root of the width, is
    classified as belonging together, or not for the context of another molecule of the batch, a random one.

    The published k is 5 (`hops`). Where a molecule does not reach that far, k is one less than it does, so
    that small molecules take part too; molecules within one bond of the centre are left out.
    """

    def __init__(self, width: int, hops: int = 5, ring: int = 2, context_layers: int = 3) -> None:
        super().__init__()
        self.hops, self.ring = hops, ring
        self.context = GIN(context_layers, width)

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean binary cross-entropy over true and false pairs, a scalar."""
        centre = choose_atom_each(batch, generator)
        is_centre = torch.zeros_like(batch.atom_type, dtype=torch.bool).index_fill(0, centre, True)
        distance = hop_distance(batch, is_centre, self.hops + self.ring)
        radius, usable = self._radius(batch, distance)
        signal = usable.sum() >= 2
        if lacks_signal(batch, signal):
            return no_signal(batch, encoder, self.context)
        radius = torch.where(usable & signal, radius, -1)[batch.molecule]
        inside = distance <= radius
        around = (distance >= radius) & (distance <= radius + self.ring) & (radius > 0)

        h = at_atoms(encoder(keep_atoms(batch, inside)), batch, inside)
        h = h.index_select(0, centre)  # [molecules, width]
        context = at_atoms(self.context(keep_atoms(batch, around)), batch, around)
        c = mean_of_chosen(context, batch, around & (distance == radius))  # [molecules, width]
        other = choose_other(usable, batch, generator)
        return signal * _pair_loss(at_least_float32(h), c, c[other], usable)

    def _radius(self, batch: GraphBatch, distance: Tensor) -> tuple[Tensor, Tensor]:
        """k of each molecule, and whether it reaches two bonds from its centre: [molecules]."""
        found = torch.where(distance <= self.hops + self.ring, distance, 0)
        reach = torch.zeros_like(batch.sizes).scatter_reduce(0, batch.molecule, found, "amax")
        return (reach - 1).clamp(max=self.hops), reach >= 2


def _pair_loss(h: Tensor, own: Tensor, other: Tensor, there: Tensor) -> Tensor:
    scale = h.shape[1] ** -0.5
    together, apart = (scale * (h * c).sum(1) for c in (own, other))
    return 0.5 * (mean_where(there, -F.logsigmoid(together)) + mean_where(there, -F.logsigmoid(-apart)))
