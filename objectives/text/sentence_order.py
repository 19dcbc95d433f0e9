"""Sentence order (ALBERT, Lan et al., ICLR 2020, section 3.1)."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.transformer import TextEncoder, TokenEncoder, mean_pool
from molweight.tokens.store import TextBatch, take


class SentenceOrder(nn.Module):
    """Binary cross-entropy of whether the two halves of a text have changed places, which half of them have.

    The halves are those around `TextBatch.middles`. A byte-level tokeniser (RoBERTa's) spells the first word
    of a text unlike all others, which makes the question easier than it is meant to be.

    Args:
        encoder: gives the width of the head.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.head = nn.Linear(encoder.width, 1)

    def forward(self, encoder: TokenEncoder, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the texts that have two halves, a scalar; 0 where none has."""
        there = batch.middles > 0
        if not there.any():
            return 0.0 * self._logits(encoder, batch).sum()  # so that it still reaches every parameter
        whole = take(batch, there)
        swapped = choose_half(whole.texts, generator).to(there.device)
        logits = self._logits(encoder, swap_halves(whole, swapped))
        return F.binary_cross_entropy_with_logits(logits, swapped.to(logits.dtype))

    def _logits(self, encoder: TokenEncoder, batch: TextBatch) -> Tensor:
        return at_least_float32(self.head(mean_pool(encoder(batch), batch)))[:, 0]


def choose_half(count: int, generator: torch.Generator) -> Tensor:
    """A uniform choice of half of `count`, rounded up or down by chance: bool [count]."""
    order = torch.randperm(count, generator=generator, device=generator.device)
    odd = torch.randint(2, (), generator=generator, device=generator.device)
    return (order + odd) % 2 == 0


def swap_halves(batch: TextBatch, swapped: Tensor) -> TextBatch:
    """The batch with the first texts' halves in the other order where `swapped`, bool [texts], says so.

    Special tokens and second texts of pairs stay where they are.
    """
    first = (batch.words >= 0) & (batch.segments == 0)
    start, length = first.int().argmax(dim=1, keepdim=True), first.sum(dim=1, keepdim=True)
    place = torch.arange(first.shape[1], device=first.device)
    behind = place + batch.middles[:, None] - 2 * start  # from the text's start, moved on by a half
    source = torch.where(first & swapped[:, None], start + behind % length.clamp(min=1), place)
    return replace(batch, ids=batch.ids.gather(1, source), words=batch.words.gather(1, source))
