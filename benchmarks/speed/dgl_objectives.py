"""The four graph objectives on DGL's graphs, written plainly: the same definitions and random choices.

Each is called as this program's are, with a batched `DGLGraph` in place of a batch. Graphs have self-loops
and DGL-LifeSci's features, and the encoder is DGL-LifeSci's.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.gin import GIN
from molweight.molecules.graphs import ATOM_FEATURES, BOND_FEATURES, import_dgl
from molweight.molecules.vocabulary import MASK_ATOM
from molweight.objectives.graph.contrastive import nt_xent

TYPE, CHIRALITY = ATOM_FEATURES
Graph = Any  # dgl.DGLGraph, where it is installed


def encode(encoder: nn.Module, graph: Graph) -> Tensor:
    """What DGL-LifeSci's GIN makes of the features: [atoms, width]."""
    atoms = [graph.ndata[name] for name in ATOM_FEATURES]
    found: Tensor = encoder(graph, atoms, [graph.edata[name] for name in BOND_FEATURES])
    return found


class AttributeMasking(nn.Module):
    """Types of masked atoms."""

    def __init__(self, width: int, rate: float = 0.15) -> None:
        super().__init__()
        self.rate, self.head = rate, nn.Linear(width, MASK_ATOM)

    def forward(self, encoder: nn.Module, graph: Graph, generator: torch.Generator) -> Tensor:
        """Mean loss over the masked atoms, a scalar."""
        masked = choose_atoms(graph, self.rate, generator)
        h = encode(encoder, mask(graph, masked))[masked]
        return F.cross_entropy(self.head(h), graph.ndata[TYPE][masked])


class Contrastive(nn.Module):
    """NT-Xent between two views with atoms masked and bonds dropped."""

    def __init__(self, width: int, rate: float = 0.2, temperature: float = 0.1) -> None:
        super().__init__()
        self.rate, self.temperature = rate, temperature
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, encoder: nn.Module, graph: Graph, generator: torch.Generator) -> Tensor:
        """Mean loss over all views, a scalar."""
        views = import_dgl().batch([self._view(graph, generator) for _ in range(2)])
        h = encode(encoder, views)
        sizes = graph.batch_num_nodes().repeat(2)
        return nt_xent(self.head(import_dgl().ops.segment_reduce(sizes, h, "mean")), self.temperature)

    def _view(self, graph: Graph, generator: torch.Generator) -> Graph:
        masked = mask(graph, choose_atoms(graph, self.rate, generator))
        key = uniform(graph.num_nodes(), generator)
        source, target = bonds(graph)
        dropped = ((key[source] + key[target]) % 1 < self.rate) & (source != target)
        return import_dgl().remove_edges(masked, dropped.nonzero().squeeze(1).to(graph.idtype))


class EdgePrediction(nn.Module):
    """Each bond against a random pair of the same molecule that shares one of its atoms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, width)

    def forward(self, encoder: nn.Module, graph: Graph, generator: torch.Generator) -> Tensor:
        """Mean binary cross-entropy over bonded and unbonded pairs, a scalar."""
        source, target = bonds(graph)
        first, second = source[source < target], target[source < target]
        turned = uniform(len(first), generator) < 0.5
        first, second = torch.where(turned, second, first), torch.where(turned, first, second)
        sizes, molecule = graph.batch_num_nodes(), molecules(graph)[first]
        start = sizes.cumsum(0) - sizes
        other = start[molecule] + (uniform(len(first), generator) * sizes[molecule]).long()
        unbonded = ~graph.has_edges_between(first.to(graph.idtype), other.to(graph.idtype))
        z = self.head(encode(encoder, graph))
        bonded = _score(z, first, second)
        apart = _score(z, first[unbonded], other[unbonded])
        return 0.5 * (-F.logsigmoid(bonded).mean() - F.logsigmoid(-apart).mean())


class ContextPrediction(nn.Module):
    """Neighbourhood of a centre against the context ring around it, by breadth-first search."""

    def __init__(self, width: int, hops: int = 5, ring: int = 2, context_layers: int = 3) -> None:
        from molweight.benchmarks.speed.gin_peers import DGLLifeSciGIN

        super().__init__()
        self.hops, self.ring = hops, ring
        self.context = DGLLifeSciGIN(GIN(context_layers, width)).gin

    def forward(self, encoder: nn.Module, graph: Graph, generator: torch.Generator) -> Tensor:
        """Mean binary cross-entropy over true and false pairs, a scalar."""
        sizes, molecule = graph.batch_num_nodes(), molecules(graph)
        draws = uniform(len(sizes), generator)
        centre = sizes.cumsum(0) - sizes + (draws * sizes).long()
        distance = self._distance(graph, centre)
        seen = torch.where(distance <= self.hops + self.ring, distance, 0)
        reach = torch.zeros_like(sizes).scatter_reduce(0, molecule, seen, "amax")
        usable = reach >= 2
        radius = torch.where(usable, (reach - 1).clamp(max=self.hops), -1)[molecule]
        inside = distance <= radius
        around = (distance >= radius) & (distance <= radius + self.ring) & (radius > 0)
        h = encode(encoder, import_dgl().node_subgraph(graph, inside))
        h = h[(inside.cumsum(0) - 1)[centre[usable]]]
        anchor = (distance == radius)[around]
        context = encode(self.context, import_dgl().node_subgraph(graph, around))[anchor]
        # anchors stand in the order of their molecules
        counts = torch.bincount(molecule[around][anchor], minlength=len(sizes))[usable]
        c = import_dgl().ops.segment_reduce(counts, context, "mean")
        shift = int(torch.randint(1, len(c), (), generator=generator))
        together, apart = (h.shape[1] ** -0.5 * (h * x).sum(1) for x in (c, c.roll(shift, 0)))
        return 0.5 * (-F.logsigmoid(together).mean() - F.logsigmoid(-apart).mean())

    def _distance(self, graph: Graph, centre: Tensor) -> Tensor:
        most = self.hops + self.ring
        distance = torch.full((graph.num_nodes(),), most + 1)
        frontiers = import_dgl().bfs_nodes_generator(graph, centre.to(graph.idtype))
        for hop, frontier in enumerate(frontiers[: most + 1]):
            distance[frontier.long()] = hop
        return distance


def uniform(count: int, generator: torch.Generator) -> Tensor:
    """Numbers from [0, 1): float64 [count]."""
    return torch.rand(count, generator=generator, dtype=torch.float64)


def bonds(graph: Graph) -> tuple[Tensor, Tensor]:
    """Both ends of every entry, self-loops among them: int64 [entries] each."""
    source, target = graph.edges()
    return source.long(), target.long()


def molecules(graph: Graph) -> Tensor:
    """Molecule of each atom, [atoms]."""
    sizes = graph.batch_num_nodes()
    return torch.repeat_interleave(torch.arange(len(sizes)), sizes)


def choose_atoms(graph: Graph, rate: float, generator: torch.Generator) -> Tensor:
    """A uniform choice of ⌊rate·n⌋ + 1 of the n atoms of each molecule: bool [atoms]."""
    sizes, molecule = graph.batch_num_nodes(), molecules(graph)
    order = torch.argsort(molecule + uniform(graph.num_nodes(), generator))
    place = torch.arange(graph.num_nodes()) - (sizes.cumsum(0) - sizes)[molecule]
    chosen = torch.zeros(graph.num_nodes(), dtype=torch.bool)
    chosen[order] = place < ((rate * sizes).long() + 1)[molecule]
    return chosen


def mask(graph: Graph, masked: Tensor) -> Graph:
    """The graph with other features on the masked atoms."""
    found = graph.local_var()
    found.ndata[TYPE] = graph.ndata[TYPE].masked_fill(masked, MASK_ATOM)
    found.ndata[CHIRALITY] = graph.ndata[CHIRALITY].masked_fill(masked, 0)
    return found


def _score(z: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return z.shape[1] ** -0.5 * (z[first] * z[second]).sum(1)


DGL_OBJECTIVES: dict[str, type[nn.Module]] = {
    "attribute_masking": AttributeMasking,
    "context_prediction": ContextPrediction,
    "contrastive": Contrastive,
    "edge_prediction": EdgePrediction,
}
