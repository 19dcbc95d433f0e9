"""From representations to scores of every token."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.token_head import TokenHead
from molweight.encoders.transformer import TextEncoder


class TiedDecoder(nn.Module):
    """BERT's head: a layer with GELU and layer normalisation, then products with the input embeddings.

    Args:
        encoder: gives the sizes; each of its embeddings has a bias here.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        vocabulary, width = encoder.embeddings.shape  # narrower than the layers' in ELECTRA and ALBERT
        self.layer = nn.Sequential(nn.Linear(encoder.width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def start_from(self, head: TokenHead) -> None:
        """Take a pretrained head's weights; tokens that it does not know keep no bias."""
        named = {"0.weight": head.weight, "0.bias": head.bias, "2.weight": head.scale, "2.bias": head.shift}
        self.layer.load_state_dict(named)
        with torch.no_grad():
            self.bias[: len(head.tokens)] = head.tokens

    def forward(self, h: Tensor, embeddings: Tensor) -> Tensor:
        """Logits, [n, vocabulary], at least float32.

        Args:
            h: representations of tokens or texts, [n, the encoder's width].
            embeddings: the encoder's own, [vocabulary, their width].
        """
        return at_least_float32(F.linear(self.layer(h), embeddings, self.bias))
