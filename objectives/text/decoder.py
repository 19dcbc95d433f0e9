"""From representations to scores of every token."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32


class TiedDecoder(nn.Module):
    """BERT's head: a layer with GELU and layer normalisation, then products with the input embeddings.

    Args:
        width: the encoder's.
        vocabulary: rows of its embeddings, each of which has a bias here.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, h: Tensor, embeddings: Tensor) -> Tensor:
        """Logits, [n, vocabulary], at least float32.

        Args:
            h: [n, width].
            embeddings: [vocabulary, width], the encoder's own.
        """
        return at_least_float32(F.linear(self.layer(h), embeddings, self.bias))
