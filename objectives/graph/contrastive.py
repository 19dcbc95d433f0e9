"""Contrastive learning of augmented views (GraphCL, You et al., NeurIPS 2020)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import GraphBatch
from molweight.molecules.subgraphs import join, keep_entries, mask_atoms
from molweight.objectives.graph.corruption import choose_atoms, choose_bonds


class Contrastive(nn.Module):
    """NT-Xent (Chen et al., ICML 2020, equation 1) between two views of each molecule.

    A view masks `rate` of the atoms and drops `rate` of the bonds. Both views pass the encoder together.

    Args:
        width: the encoder's.
        rate: share of atoms and of bonds that a view loses.
        temperature: of the similarities.
    """

    def __init__(self, width: int, rate: float = 0.2, temperature: float = 0.1) -> None:
        super().__init__()
        self.rate, self.temperature = rate, temperature
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over all views, a scalar; 0 for a single molecule, which has nothing to differ from."""
        views = join(self._view(batch, generator), self._view(batch, generator))
        z = self.head(mean_readout(encoder(views), views))
        return nt_xent(at_least_float32(z), self.temperature)

    def _view(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        masked = mask_atoms(batch, choose_atoms(batch, self.rate, generator))
        return keep_entries(masked, ~choose_bonds(batch, self.rate, generator))


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding each row's partner among all other rows by cosine similarity.

    Args:
        z: [2 n, width]; rows i and i + n are partners.
        temperature: divides the similarities.
    """
    z = F.normalize(z, dim=1)
    rows = len(z)
    itself = torch.eye(rows, dtype=torch.bool, device=z.device)
    logits = (z @ z.T / temperature).masked_fill(itself, -torch.inf)
    partner = torch.arange(rows, device=z.device).roll(rows // 2)
    return F.cross_entropy(logits, partner)
