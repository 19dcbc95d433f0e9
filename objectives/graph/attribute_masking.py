"""Attribute masking (Hu et al., ICLR 2020, section 3.1.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
from molweight.molecules.subgraphs import mask_atoms
from molweight.molecules.vocabulary import MASK_ATOM
from molweight.objectives.graph.corruption import choose_atoms

IGNORED = -1  # what stands in for the type of no atom


class AttributeMasking(nn.Module):
    """Cross-entropy of the types of masked atoms, read off their representations.

    Args:
        width: the encoder's.
        rate: share of each molecule's atoms that is masked; at least one atom is.
    """

    def __init__(self, width: int, rate: float = 0.15) -> None:
        super().__init__()
        self.rate = rate
        self.head = nn.Linear(width, MASK_ATOM)  # every type but the mask itself

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the masked atoms, a scalar."""
        masked = choose_atoms(batch, self.rate, generator)
        rows, there = batch.positions(masked, int(self.rate * batch.atoms) + batch.molecules)
        h = encoder(mask_atoms(batch, masked)).index_select(0, rows)
        target = batch.atom_type[rows].masked_fill(~there, IGNORED)
        return F.cross_entropy(at_least_float32(self.head(h)), target, ignore_index=IGNORED)
