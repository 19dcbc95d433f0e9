"""Contrastive learning by dropout (SimCSE, Gao et al., EMNLP 2021)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.transformer import TextEncoder, TokenEncoder, mean_pool
from molweight.tokens.store import TextBatch, take


class SentenceContrast(nn.Module):
    """Cross-entropy of finding a text's second view among those of all texts, by cosine similarity.

    The views differ by the encoder's dropout alone, drawn from torch's own generator, and pass it together.

    Args:
        encoder: gives the width of the head, which is the paper's: a layer with tanh.
        temperature: of the similarities.
    """

    def __init__(self, encoder: TextEncoder, temperature: float = 0.05) -> None:
        super().__init__()
        self.temperature = temperature
        self.head = nn.Sequential(nn.Linear(encoder.width, encoder.width), nn.Tanh())

    def forward(self, encoder: TokenEncoder, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the texts, a scalar; 0 for a single text, which has nothing to differ from."""
        views = take(batch, torch.arange(batch.texts, device=batch.ids.device).repeat(2))
        return in_batch_loss(self.head(mean_pool(encoder(views), views)), self.temperature)


def in_batch_loss(z: Tensor, temperature: float) -> Tensor:
    """Equation 4 of the paper: −log of row i's softmax over all second views, at its own.

    Args:
        z: [2 n, width], the n first views before the n second ones.
        temperature: divides the similarities.
    """
    first, second = F.normalize(at_least_float32(z), dim=1).chunk(2)
    return F.cross_entropy(first @ second.T / temperature, torch.arange(len(first), device=z.device))
