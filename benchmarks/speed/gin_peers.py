"""The same GIN with the same weights as others write it: DGL-LifeSci's own, and PyTorch Geometric's way."""

import copy
import warnings
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.gin import GIN
from molweight.molecules.batch import GraphBatch
from molweight.molecules.graphs import import_dgl, to_dgl
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES


class DGLLifeSciGIN(nn.Module):
    """`dgllife.model.GIN` with an encoder's weights; needs the packages `dgl` and `dgllife`."""

    def __init__(self, encoder: GIN, dropout: float = 0.0) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of their age
            import_dgl()
            import dgllife.model

        self.gin = dgllife.model.GIN(
            num_node_emb_list=[ATOM_TYPES, CHIRALITIES],
            num_edge_emb_list=[BOND_TYPES, BOND_DIRECTIONS],
            num_layers=len(encoder.gnn_layers),
            emb_dim=encoder.width,
            JK="last",
            dropout=dropout,
        )
        self.gin.load_state_dict(encoder.state_dict())

    @staticmethod
    def graphs(batch: GraphBatch) -> Any:
        """What `forward` takes, made beforehand."""
        return to_dgl(batch), [batch.atom_type, batch.chirality], [batch.bond_type, batch.bond_direction]

    def forward(self, graphs: Any) -> Tensor:
        """[atoms, width]."""
        found: Tensor = self.gin(*graphs)
        return found


class PyGGIN(nn.Module):
    """A GIN of PyTorch Geometric's message passing; needs the package `torch-geometric`."""

    def __init__(self, encoder: GIN, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder, self.dropout = copy.deepcopy(encoder), dropout  # for its weights, not its forward
        self.sum = _message_sum()

    @staticmethod
    def graphs(batch: GraphBatch) -> Any:
        """What `forward` takes: atom features, edge index, bond features."""
        edges = torch.stack([batch.neighbour, batch.receiver])
        return (batch.atom_type, batch.chirality), edges, (batch.bond_type, batch.bond_direction)

    def forward(self, graphs: Any) -> Tensor:
        """[atoms, width]."""
        atoms, edges, bonds = graphs
        h: Tensor = _embedded(self.encoder.node_embeddings, atoms)
        layers: Any = self.encoder.gnn_layers
        for number, layer in enumerate(layers, 1):
            messages = self.sum(h, edges, _embedded(layer.edge_embeddings, bonds))
            h = layer.bn(layer.mlp(messages))
            h = F.relu(h) if number < len(layers) else h
            h = F.dropout(h, self.dropout, self.training)
        return h


PEERS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "dgllife": (DGLLifeSciGIN, ("dgl", "dgllife")),
    "pyg": (PyGGIN, ("torch_geometric",)),
}


def installed_peers() -> dict[str, type[nn.Module]]:
    """Those whose packages are here."""
    return {name: peer for name, (peer, packages) in PEERS.items() if all(map(find_spec, packages))}


def _embedded(tables: Any, features: tuple[Tensor, ...]) -> Tensor:
    found: Tensor = sum(table(values) for table, values in zip(tables, features, strict=True))
    return found


def _message_sum() -> nn.Module:
    from torch_geometric.nn import MessagePassing

    class MessageSum(MessagePassing):
        """Σ over neighbours of their row and the bond's."""

        def __init__(self) -> None:
            super().__init__(aggr="add")

        def forward(self, x: Tensor, edge_index: Tensor, bond: Tensor) -> Tensor:
            """[atoms, width]."""
            found: Tensor = self.propagate(edge_index, x=x, bond=bond)
            return found

        def message(self, x_j: Tensor, bond: Tensor) -> Tensor:
            """[entries, width]."""
            return x_j + bond

    made: nn.Module = MessageSum()
    return made
