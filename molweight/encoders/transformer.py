"""A pretrained text transformer as an encoder: batches of tokens to representations of each."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from molweight.encoders.compute import at_least_float32
from molweight.encoders.token_head import TokenHead
from molweight.tokens.store import TextBatch


class TokenEncoder(Protocol):
    """What an objective on texts asks of an encoder."""

    @property
    def embeddings(self) -> Tensor:
        """Input embeddings, [vocabulary, their width]."""

    def __call__(self, batch: TextBatch) -> Tensor:
        """Representations of the tokens, [texts, tokens, width]."""


class TextEncoder(nn.Module):
    """A transformer without pooler and head.

    Args:
        model: a bidirectional model of `transformers`, such as BERT; its pooler is taken off.
        token_head: that it was pretrained with by masking, for an objective to start from.
    """

    def __init__(self, model: nn.Module, token_head: TokenHead | None = None) -> None:
        super().__init__()
        self.token_head = token_head
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # type: ignore[assignment]
        self.model: Any = model  # its class is only known to transformers

    @property
    def width(self) -> int:
        """Of a token's representation."""
        return int(self.model.config.hidden_size)

    @property
    def embeddings(self) -> Tensor:
        """Input embeddings, which a head may be tied to: [vocabulary, their width]."""
        return self.model.get_input_embeddings().weight

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embeddings; some models have more than their tokeniser has tokens."""
        return len(self.embeddings)

    def forward(self, batch: TextBatch) -> Tensor:
        """The last layer's representations of the tokens, padding among them: [texts, tokens, width]."""
        segments = {"token_type_ids": batch.segments} if self._has_segments else {}
        with sdpa_kernel(_kernels()):
            return self.model(batch.ids, attention_mask=batch.real, **segments).last_hidden_state

    @property
    def _has_segments(self) -> bool:
        return getattr(self.model.config, "type_vocab_size", 0) > 1


def mean_pool(hidden: Tensor, batch: TextBatch) -> Tensor:
    """Mean over each text's tokens, special ones included: [texts, width], at least float32.

    Args:
        hidden: [texts, tokens, width].
        batch: the texts.
    """
    there = batch.real[:, :, None]
    return at_least_float32(hidden).masked_fill(~there, 0.0).sum(dim=1) / there.sum(dim=1)


def set_dropout(encoder: TextEncoder, rate: float) -> None:
    """Let every dropout of an encoder, attention's included, drop this share.

    Args:
        encoder: changed in place.
        rate: from 0 to below 1.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
        elif isinstance(getattr(module, "attention_dropout", None), float):  # models that keep it as a number
            module.attention_dropout = rate  # type: ignore[assignment]


def _kernels() -> list[SDPBackend]:
    """Attention's fused kernels have neither second derivatives nor forward mode; its plain products do."""
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return [SDPBackend.MATH]
    return [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
