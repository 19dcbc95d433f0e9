"""Masked language modelling (BERT, Devlin et al., NAACL 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.transformer import TextEncoder, TokenEncoder
from molweight.objectives.text.decoder import TiedDecoder
from molweight.objectives.text.masking import mask_tokens
from molweight.tokens.store import TextBatch


class MaskedLanguageModelling(nn.Module):
    """Cross-entropy of the chosen tokens, each read off its own place; no other place is decoded.

    Args:
        encoder: gives the sizes of the head, whose output is tied to its embeddings, and the weights that it
            starts from where the encoder's checkpoint has any.
        rate: share of each text's tokens that is chosen.
        whole_word: choose words with all their tokens, which cannot be completed from their own pieces.
    """

    def __init__(self, encoder: TextEncoder, rate: float = 0.15, whole_word: bool = False) -> None:
        super().__init__()
        self.rate, self.whole_word = rate, whole_word
        self.head = TiedDecoder(encoder)
        if encoder.token_head is not None:
            self.head.start_from(encoder.token_head)

    def forward(self, encoder: TokenEncoder, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the chosen tokens, a scalar."""
        view, chosen = mask_tokens(batch, self.rate, self.whole_word, generator)
        logits = self.head(encoder(view)[chosen], encoder.embeddings)
        return F.cross_entropy(logits, batch.ids[chosen])
