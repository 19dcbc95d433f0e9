"""Self-supervised objectives: one file each.

An objective is an `nn.Module` that owns its head and never the encoder, with
`forward(encoder, batch, generator) -> scalar`; any module of that shape can be used beside these.
"""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from molweight.encoders.transformer import TextEncoder
from molweight.errors import ConfigError
from molweight.molecules.scaled_descriptors import with_descriptors
from molweight.molecules.store import Store
from molweight.molecules.store_file import Progress
from molweight.objectives.graph.attribute_masking import AttributeMasking
from molweight.objectives.graph.context_prediction import ContextPrediction
from molweight.objectives.graph.contrastive import Contrastive
from molweight.objectives.graph.descriptor_prediction import DescriptorPrediction
from molweight.objectives.graph.edge_prediction import EdgePrediction
from molweight.objectives.text.bag_of_words import BagOfWords
from molweight.objectives.text.contrastive import SentenceContrast
from molweight.objectives.text.masked_language_modelling import MaskedLanguageModelling
from molweight.objectives.text.sentence_order import SentenceOrder

GRAPH_OBJECTIVES: dict[str, type[nn.Module]] = {
    "attribute_masking": AttributeMasking,
    "context_prediction": ContextPrediction,
    "contrastive": Contrastive,
    "edge_prediction": EdgePrediction,
    "descriptor_prediction": DescriptorPrediction,
}
DEFAULT_GRAPH_OBJECTIVES = ("attribute_masking", "context_prediction", "contrastive", "edge_prediction")

TEXT_OBJECTIVES: dict[str, type[nn.Module]] = {
    "masked_language_modelling": MaskedLanguageModelling,
    "contrastive": SentenceContrast,
    "sentence_order": SentenceOrder,
    "bag_of_words": BagOfWords,
}


def graph_objectives(width: int, names: Sequence[str] = DEFAULT_GRAPH_OBJECTIVES) -> nn.ModuleDict:
    """The graph objectives of these names, with fresh heads for an encoder of this width.

    One that is left out has no head and no share of the weights.
    """
    return nn.ModuleDict({name: GRAPH_OBJECTIVES[name](width) for name in names})


def described(
    store: Store, smiles: Sequence[str], names: Iterable[str], progress: Progress | None = None
) -> Store:
    """The store with what these graph objectives read beside graphs.

    Args:
        store: of molecules.
        smiles: of each of them.
        names: of objectives.
        progress: called with the numbers of molecules done and in all, where something is computed.

    Raises:
        DataError: if RDKit lacks one of the descriptors.
    """
    return with_descriptors(store, smiles, progress) if "descriptor_prediction" in names else store


def text_objectives(encoder: TextEncoder, names: Sequence[str] = tuple(TEXT_OBJECTIVES)) -> nn.ModuleDict:
    """The text objectives of these names, with heads that fit this encoder, fresh where it brings none."""
    return nn.ModuleDict({name: TEXT_OBJECTIVES[name](encoder) for name in names})


def find_objectives(names: str, known: Mapping[str, type[nn.Module]] = GRAPH_OBJECTIVES) -> tuple[str, ...]:
    """The names in a comma-separated list.

    Args:
        names: the list.
        known: objectives by name.

    Raises:
        ConfigError: if one does not exist or is named twice, or none is named.
    """
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        there = ", ".join(known)
        raise ConfigError(f"unknown objective {', '.join(unknown) or names!r}; there are {there}")
    if len(set(wanted)) < len(wanted):
        raise ConfigError(f"--objectives {names}: names an objective twice")
    return wanted
