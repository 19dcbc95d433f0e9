"""Batches to and from DGL's batched graphs, features shared and not copied.

DGL is imported when a conversion is asked for: it costs seconds and is not there on every machine.
"""

import os
from typing import TYPE_CHECKING, Any

import torch

from molweight.errors import ConfigError, DataError
from molweight.molecules.batch import GraphBatch
from molweight.molecules.vocabulary import SELF_LOOP

if TYPE_CHECKING:
    from dgl import DGLGraph

# the names of DGL-LifeSci's featurisers for pretrained GINs
ATOM_FEATURES = ("atomic_number", "chirality_type")
BOND_FEATURES = ("bond_type", "bond_direction_type")


def import_dgl() -> Any:
    """DGL, or a clear error where it is not installed.

    Raises:
        ConfigError: if DGL cannot be imported.
    """
    os.environ.setdefault(
        "DGLBACKEND", "pytorch"
    )  # or DGL prints about its choice and writes to the home folder
    try:
        import dgl
    except Exception as error:  # a DGL that does not fit its torch fails with many kinds of error
        raise ConfigError(
            f"DGL cannot be imported ({error}); install dgl==1.1.3 on Python 3.11, or use torch's kernel"
        ) from None
    return dgl


def to_dgl(batch: GraphBatch) -> "DGLGraph":
    """The batch as a batched DGLGraph with self-loops and DGL-LifeSci's feature names."""
    dgl = import_dgl()
    edge = torch.arange(len(batch.neighbour), device=batch.neighbour.device)
    graph = dgl.graph(("csc", (batch.row_offsets, batch.neighbour, edge)), num_nodes=batch.atoms)
    graph.set_batch_num_nodes(batch.sizes)
    entries = torch.bincount(batch.molecule[batch.receiver], minlength=batch.molecules)
    graph.set_batch_num_edges(entries)
    for name, values in zip(ATOM_FEATURES, (batch.atom_type, batch.chirality), strict=True):
        graph.ndata[name] = values
    for name, values in zip(BOND_FEATURES, (batch.bond_type, batch.bond_direction), strict=True):
        graph.edata[name] = values
    return graph


def from_dgl(graph: "DGLGraph") -> GraphBatch:
    """A batched DGLGraph as a batch; self-loops are added where they are missing.

    Raises:
        DataError: if a feature is missing.
    """
    missing = [name for name in ATOM_FEATURES if name not in graph.ndata]
    missing += [name for name in BOND_FEATURES if name not in graph.edata]
    if missing:
        raise DataError(
            f"the DGLGraph lacks {', '.join(missing)}; set it as DGL-LifeSci's pretrain featurisers do"
        )
    graph = _with_self_loops(graph.long())  # 32-bit graphs are widened, others left as they are
    row_offsets, neighbour, edge = graph.adj_tensors("csc")
    bond_type, bond_direction = (graph.edata[name].long() for name in BOND_FEATURES)
    in_order = torch.equal(edge, torch.arange(len(edge), device=edge.device))
    return GraphBatch(
        atom_type=graph.ndata[ATOM_FEATURES[0]].long(),
        chirality=graph.ndata[ATOM_FEATURES[1]].long(),
        row_offsets=row_offsets,
        neighbour=neighbour,
        bond_type=bond_type if in_order else bond_type[edge],
        bond_direction=bond_direction if in_order else bond_direction[edge],
        sizes=graph.batch_num_nodes(),
    ).derive()


def _with_self_loops(graph: "DGLGraph") -> "DGLGraph":
    source, target = graph.edges()
    bare = torch.ones(graph.num_nodes(), dtype=torch.bool, device=source.device)
    bare[source[source == target]] = False
    atoms = bare.nonzero().squeeze(1)
    if len(atoms) == 0:
        return graph
    sizes = graph.batch_num_nodes()
    features = {
        BOND_FEATURES[0]: torch.full_like(atoms, SELF_LOOP),
        BOND_FEATURES[1]: torch.zeros_like(atoms),
    }
    looped = import_dgl().add_edges(graph, atoms, atoms, data=features)
    looped.set_batch_num_nodes(sizes)
    return looped
