"""The GIN of Hu et al. (ICLR 2020), with the state-dict names of DGL-LifeSci's pretrained one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Union, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.batch_norm import BatchNorm
from molweight.encoders.compute import product_dtype
from molweight.encoders.dropout import dropout
from molweight.encoders.fused_layer import FusedLayer, Spread, folded_layer
from molweight.encoders.message_passing import neighbour_sum
from molweight.encoders.padded_layer import PaddedLayer, count_columns, embed
from molweight.encoders.row_norm import Rows
from molweight.encoders.shared_rows import LayerRows, plan_rows
from molweight.encoders.tiles import Adjacency
from molweight.molecules.batch import GraphBatch
from molweight.molecules.graphs import from_dgl
from molweight.molecules.padding import PaddedBatch
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES

if TYPE_CHECKING:
    from dgl import DGLGraph


Kernel = Literal["fused", "torch", "dgl"]


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
        """[atoms, width] to [atoms, width], differentiable to any order."""
        tables = self._tables()
        message = neighbour_sum(h, batch, "dgl" if kernel == "dgl" else "torch")
        return self.bn(self.mlp(torch.addmm(message, batch.bond_counts.to(tables.dtype), tables)))

    def fused(self, h: Tensor, rows: LayerRows, relu: bool) -> Tensor:
        """[rows below, width] to [rows, width], and [atoms, width] where they are spread."""
        dtype = product_dtype(h)
        w1, b1, w2, b2 = self.mlp.parameters()
        weights = self._tables(), w1, b1, w2, b2
        with torch.autocast(h.device.type, enabled=False):  # the layer casts what pays
            if torch.is_grad_enabled() or self.training:
                h = FusedLayer.apply(h, *weights, self.bn.weight, self.bn.bias, rows, self.bn, relu, dtype)
            else:
                h = folded_layer(h, *weights, self.bn, rows, dtype)
                h = h.relu_() if relu else h
        return h if rows.spread is None else Spread.apply(h, rows.spread)

    def padded(self, h: Tensor, counts: Tensor, adjacency: Adjacency, rows: Rows, relu: bool) -> Tensor:
        """[atoms, columns] to [atoms, columns] in training, on a padded batch."""
        weights = self._tables(), *self.mlp.parameters(), self.bn.weight, self.bn.bias
        found: Tensor = PaddedLayer.apply(h, *weights, counts, adjacency, rows, self.bn, relu)
        return found

    def _tables(self) -> Tensor:
        return torch.cat(list(self.edge_embeddings.parameters()))  # [9, width]


class GIN(nn.Module):
    """Graph isomorphism network on atom types, chirality, bond types and bond directions.

    Args:
        layers: number of layers.
        width: size of a representation.
        dropout: rate after each layer.
        kernel: "fused" computes equal rows once and a whole layer as one function, wherever that can be
            done: on a CPU, outside `torch.func`, with batch statistics of one process. Elsewhere it is
            "torch", which composes torch's operations and can be differentiated to any order; "dgl" takes
            the sum over neighbours from DGL. All three compute the same. Training on a padded batch has a
            form of its own, whatever the kernel.
    """

    def __init__(
        self, layers: int = 5, width: int = 300, dropout: float = 0.0, kernel: Kernel = "fused"
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
        if isinstance(batch, PaddedBatch) and self.training:
            return self._padded(batch)
        if self.kernel == "fused" and self._fusible(batch):
            return self._fused(batch)
        h = self._embed(batch.atom_type, batch.chirality)
        for number, layer in enumerate(self.gnn_layers, 1):
            h = layer(h, batch, self.kernel)
            if number < len(self.gnn_layers):
                h = F.relu(h)
            h = dropout(h, self.dropout, self.training)
        return h

    def _embed(self, atom_type: Tensor, chirality: Tensor) -> Tensor:
        atom_table, chirality_table = self.node_embeddings
        found: Tensor = atom_table(atom_type) + chirality_table(chirality)
        return found

    def _fusible(self, batch: GraphBatch) -> bool:
        plain = not torch._C._are_functorch_transforms_active()
        own = not (self.training and any(cast(GINLayer, layer).bn.synchronised for layer in self.gnn_layers))
        cpu = batch.atom_type.device.type == "cpu"
        return plain and own and cpu and batch.atoms > 1 and batch.padding is None

    def _padded(self, batch: PaddedBatch) -> Tensor:
        tables = [table.weight for table in cast(Iterable[nn.Embedding], self.node_embeddings)]
        dtype = product_dtype(tables[0])
        with torch.autocast(tables[0].device.type, enabled=False):  # the layers cast what pays
            h = embed(batch, tables[0], tables[1], dtype)
            counts, adjacency = count_columns(batch, dtype), Adjacency.of(batch, dtype)
            rows = Rows.of(batch.real, tables[0].dtype)
            for number, layer in enumerate(self.gnn_layers, 1):
                relu = number < len(self.gnn_layers)
                h = cast(GINLayer, layer).padded(h, counts, adjacency, rows, relu)
                h = dropout(h, self.dropout, self.training)
        return h[:, : self.width]

    def _fused(self, batch: GraphBatch) -> Tensor:
        count = len(self.gnn_layers)
        drops = self.training and self.dropout > 0
        plan = plan_rows(batch, count, shareable=1 if drops else count)
        h = self._embed(batch.atom_type[plan.first], batch.chirality[plan.first])
        for number, (layer, rows) in enumerate(zip(self.gnn_layers, plan.layers, strict=True), 1):
            h = cast(GINLayer, layer).fused(h, rows, relu=number < count)
            h = dropout(h, self.dropout, self.training)
        return h
