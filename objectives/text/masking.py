"""Hiding a share of a batch's tokens (BERT, Devlin et al., NAACL 2019, section 3.1)."""

from dataclasses import replace

import torch
from torch import Tensor

from molweight.tokens.store import TextBatch, Vocabulary

SHOWN_AS_MASK, SHOWN_AS_ANOTHER = 0.8, 0.1  # of the chosen tokens; the others are shown as they are


def mask_tokens(
    batch: TextBatch, rate: float, whole_word: bool, generator: torch.Generator
) -> tuple[TextBatch, Tensor]:
    """The batch with some tokens hidden, and which were chosen: bool [texts, width].

    Of each text's n words or tokens, special ones left out, round(rate·n) are chosen, at least one. A chosen
    token is replaced by the mask in 8 of 10 cases and by any ordinary token in 1, and shown as it is in 1.

    Args:
        batch: left as it is.
        rate: share to choose.
        whole_word: choose words, with all their tokens, rather than tokens.
        generator: on the CPU; of all choices.
    """
    chosen = _choose(batch, rate, whole_word, generator)
    how = _uniform(batch, generator)
    other = _ordinary(_uniform(batch, generator), batch.vocabulary)
    ids = batch.ids.masked_fill(chosen & (how < SHOWN_AS_MASK), batch.vocabulary.mask)
    swapped = chosen & (how >= SHOWN_AS_MASK) & (how < SHOWN_AS_MASK + SHOWN_AS_ANOTHER)
    return replace(batch, ids=torch.where(swapped, other, ids)), chosen


def _choose(batch: TextBatch, rate: float, whole_word: bool, generator: torch.Generator) -> Tensor:
    ordinary = batch.words >= 0
    if not whole_word:
        return _some_of_each(ordinary, rate, _uniform(batch, generator))
    words = batch.words.amax(dim=1, keepdim=True) + 1
    place = torch.arange(ordinary.shape[1], device=ordinary.device)  # a text has no more words than tokens
    chosen = _some_of_each(place < words, rate, _uniform(batch, generator))
    return chosen.gather(1, batch.words.clamp(min=0)) & ordinary


def _some_of_each(candidates: Tensor, rate: float, key: Tensor) -> Tensor:
    """Of each row's candidates, bool [texts, width], those round(rate·n) ≥ 1 of the lowest keys."""
    rank = key.masked_fill(~candidates, 2.0).argsort(dim=1).argsort(dim=1)
    quota = (rate * candidates.sum(dim=1, keepdim=True)).round().clamp(min=1)
    return (rank < quota) & candidates


def _ordinary(uniform: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Ids of tokens that are not special, from numbers in [0, 1)."""
    ids = (uniform * (vocabulary.size - len(vocabulary.special))).long()
    for special in vocabulary.special:  # ascending, so that each id is moved past all below it
        ids += ids >= special
    return ids


def _uniform(batch: TextBatch, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(batch.ids.shape, generator=generator, dtype=torch.float64, device=generator.device)
    return drawn.to(batch.ids.device)
