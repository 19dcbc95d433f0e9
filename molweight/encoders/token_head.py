"""The head of masked language modelling that a checkpoint brings, whatever its architecture calls it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class TokenHead:
    """BERT's: a layer with GELU, layer normalisation, and products with the embeddings.

    Attributes:
        weight: of the layer, [embeddings' width, encoder's width].
        bias: of the layer, [embeddings' width].
        scale: of the normalisation, [embeddings' width].
        shift: of the normalisation, [embeddings' width].
        tokens: what is added to each token's score, [vocabulary].
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor
    tokens: Tensor


def token_head(whole: Any, missing: Iterable[str]) -> TokenHead | None:
    """The head's tensors, detached.

    Args:
        whole: a model of `transformers`.
        missing: names of weights that its checkpoint lacks.

    Returns:
        None where the model has another head or none, or its checkpoint not all of it.
    """
    body = {
        id(p) for p in whole.base_model.parameters()
    }  # the embeddings, which the head is tied to, as well
    outside = {name: p.detach() for name, p in whole.named_parameters() if id(p) not in body}
    matrices = [name for name, p in outside.items() if p.ndim == 2]
    scales = [name for name, p in outside.items() if p.ndim == 1 and name.endswith(".weight")]
    if (len(outside), len(matrices), len(scales)) != (5, 1, 1) or set(outside) & set(missing):
        return None
    if not _activation(whole.config).startswith("gelu"):
        return None
    layer, scale = matrices[0], scales[0]
    named = [layer, _bias_of(layer), scale, _bias_of(scale)]
    left = [name for name in outside if name not in named]
    return TokenHead(*(outside[name] for name in (*named, *left))) if len(left) == 1 else None


def _bias_of(weight: str) -> str:
    return weight.removesuffix("weight") + "bias"


def _activation(config: Any) -> str:
    return str(getattr(config, "hidden_act", None) or getattr(config, "activation", ""))
