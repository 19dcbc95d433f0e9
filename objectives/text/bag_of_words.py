"""Bag-of-words prediction (Ma et al., "Drop your Decoder", SIGIR 2024), of the hidden tokens."""

import torch
from torch import Tensor, nn

from molweight.encoders.transformer import TextEncoder, TokenEncoder, mean_pool
from molweight.objectives.text.decoder import TiedDecoder
from molweight.objectives.text.masking import mask_tokens
from molweight.tokens.store import TextBatch


class BagOfWords(nn.Module):
    """Cross-entropy of the hidden tokens, all read off the one pooled representation of their text.

    A classifier reads the pooled representation, while masked language modelling trains those of tokens and
    may leave the mean of them to chance. On the same view the two share one pass through the encoder.

    Args:
        encoder: gives the sizes of the head, whose output is tied to its embeddings.
        rate: share of each text's tokens that is chosen.
        whole_word: choose words with all their tokens.
    """

    def __init__(self, encoder: TextEncoder, rate: float = 0.15, whole_word: bool = False) -> None:
        super().__init__()
        self.rate, self.whole_word = rate, whole_word
        self.head = TiedDecoder(encoder)

    def forward(self, encoder: TokenEncoder, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the chosen tokens, a scalar."""
        view, chosen = mask_tokens(batch, self.rate, self.whole_word, generator)
        shares = self.head(mean_pool(encoder(view), view), encoder.embeddings).log_softmax(dim=1)
        text = chosen.nonzero()[:, 0]
        return -shares[text, batch.ids[chosen]].mean()
