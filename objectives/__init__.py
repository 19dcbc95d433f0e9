"""Self-supervised objectives: one file each.

An objective is an `nn.Module` that owns its head and never the encoder, with
`forward(encoder, batch, generator) -> scalar`; any module of that shape can be used beside these.
"""

from torch import nn

from molweight.objectives.graph.attribute_masking import AttributeMasking
from molweight.objectives.graph.context_prediction import ContextPrediction
from molweight.objectives.graph.contrastive import Contrastive
from molweight.objectives.graph.edge_prediction import EdgePrediction

GRAPH_OBJECTIVES: dict[str, type[nn.Module]] = {
    "attribute_masking": AttributeMasking,
    "context_prediction": ContextPrediction,
    "contrastive": Contrastive,
    "edge_prediction": EdgePrediction,
}


def graph_objectives(width: int) -> nn.ModuleDict:
    """One of each graph objective, with fresh heads for an encoder of this width."""
    return nn.ModuleDict({name: objective(width) for name, objective in GRAPH_OBJECTIVES.items()})
