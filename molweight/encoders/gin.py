"""The GIN of Hu et al. (ICLR 2020), with the state-dict names of DGL-LifeSci's pretrained one."""

from typing import TYPE_CHECKING, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.batch_norm import BatchNorm
from molweight.encoders.dropout import dropout
from molweight.encoders.message_passing import Kernel, neighbour_sum
from molweight.molecules.batch import GraphBatch
from molweight.molecules.graphs import from_dgl
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES

if TYPE_CHECKING:
    from dgl import DGLGraph


class GINLayer(nn.Module):
    """MLP of the sum over neighbours and bonds, then batch normalisation.

    Σ_u (h_u + e_type + e_direction) = A·h + C·W with C each atom's bond counts and W both embedding
    tables, so that no tensor of the size of entries x width is ever made.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.edge_embeddings = nn.ModuleList([nn.Embedding(n, width) for n in (BOND_TYPES, BOND_DIRECTIONS)])
        self.bn = BatchNorm(width)
        for table in self.edge_embeddings.parameters():
            nn.init.xavier_uniform_(table)

    def forward(self, h: Tensor, batch: GraphBatch, kernel: Kernel) -> Tensor:
        """[atoms, width] to [atoms, width]."""
        tables = torch.cat(list(self.edge_embeddings.parameters()))  # [9, width]
        message = torch.addmm(neighbour_sum(h, batch, kernel), batch.bond_counts.to(tables.dtype), tables)
        return self.bn(self.mlp(message))


class GIN(nn.Module):
    """Graph isomorphism network on atom types, chirality, bond types and bond directions.

    Args:
        layers: number of layers.
        width: size of a representation.
        dropout: rate after each layer.
        kernel: what computes the sum over neighbours.
    """

    def __init__(
        self, layers: int = 5, width: int = 300, dropout: float = 0.0, kernel: Kernel = "torch"
    ) -> None:
        super().__init__()
        self.width, self.dropout, self.kernel = width, dropout, kernel
        self.node_embeddings = nn.ModuleList([nn.Embedding(n, width) for n in (ATOM_TYPES, CHIRALITIES)])
        self.gnn_layers = nn.ModuleList([GINLayer(width) for _ in range(layers)])
        for table in self.node_embeddings.parameters():
            nn.init.xavier_uniform_(table)

    def forward(self, graphs: Union[GraphBatch, "DGLGraph"]) -> Tensor:
        """Representations of all atoms, [atoms, width]."""
        batch = graphs if isinstance(graphs, GraphBatch) else from_dgl(graphs)
        atom_table, chirality_table = self.node_embeddings
        h = atom_table(batch.atom_type) + chirality_table(batch.chirality)
        for number, layer in enumerate(self.gnn_layers, 1):
            h = layer(h, batch, self.kernel)
            if number < len(self.gnn_layers):
                h = F.relu(h)
            h = dropout(h, self.dropout, self.training)
        return h
