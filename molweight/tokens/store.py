"""Tokenised texts in flat arrays, and the padded batch of one step."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

WIDTH_STEP = 8  # batches are padded to a multiple of this, so that they come in few shapes


@dataclass(frozen=True)
class Vocabulary:
    """What has to be known of a tokeniser once texts are numbers.

    Attributes:
        size: number of ids.
        mask: id of the token that stands for a hidden one.
        pad: id of padding.
        special: ids of all special tokens, ascending, `mask` and `pad` among them.
        max_length: most tokens of a text, special ones included, that the encoder takes.
    """

    size: int
    mask: int
    pad: int
    special: tuple[int, ...]
    max_length: int


@dataclass(frozen=True)
class TokenStore:
    """Texts, or pairs of texts, one after another: entries `offsets[i]` to `offsets[i + 1]` are text i's.

    Attributes:
        ids: of the tokens, int32 [tokens].
        segments: 1 on tokens of the second text of a pair, else 0: uint8 [tokens].
        words: number of the token's word inside its text, counted on through a pair; -1 on special tokens:
            int32 [tokens].
        middles: place inside the text's tokens at which its first text splits into two parts: the sentence
            boundary nearest to the middle, else the word boundary; 0 where there is none: int32 [texts].
        offsets: int64 [texts + 1].
        vocabulary: of the tokeniser.
        truncated: number of texts that lost tokens to the length allowed.
    """

    ids: Tensor
    segments: Tensor
    words: Tensor
    middles: Tensor
    offsets: Tensor
    vocabulary: Vocabulary
    truncated: int

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.middles)

    @property
    def lengths(self) -> Tensor:
        """Tokens of each text, special ones included: int64 [texts]."""
        return self.offsets.diff()

    def to(self, device: torch.device) -> Self:
        """The same store on a device."""
        return replace(self, **_moved(self, device))


@dataclass(frozen=True)
class TextBatch:
    """Texts of one step, padded to one width; all tensors lie on one device.

    Attributes:
        ids: int64 [texts, width], the padding's id past a text's end.
        real: whether there is a token: bool [texts, width].
        segments: int64 [texts, width], 0 on padding.
        words: int64 [texts, width], -1 on special tokens and padding.
        middles: int64 [texts], as in `TokenStore`.
        vocabulary: of the tokeniser.
    """

    ids: Tensor
    real: Tensor
    segments: Tensor
    words: Tensor
    middles: Tensor
    vocabulary: Vocabulary

    @property
    def texts(self) -> int:
        """Number of texts."""
        return len(self.ids)

    def to(self, device: torch.device) -> Self:
        """The same batch on a device."""
        return replace(self, **_moved(self, device))


def collate(store: TokenStore, texts: Tensor) -> TextBatch:
    """The texts at these positions, padded to the longest of them, rounded up to a multiple of 8.

    Args:
        store: of the texts.
        texts: positions, int64, on the store's device; at least one.
    """
    lengths = store.lengths[texts]
    width = -(-int(lengths.max()) // WIDTH_STEP) * WIDTH_STEP
    place = torch.arange(min(width, store.vocabulary.max_length), device=lengths.device)
    real = place < lengths[:, None]
    source = torch.where(real, store.offsets[texts, None] + place, 0)  # past a text's end: filled below
    return TextBatch(
        ids=store.ids[source].long().masked_fill(~real, store.vocabulary.pad),
        real=real,
        segments=store.segments[source].long().masked_fill(~real, 0),
        words=store.words[source].long().masked_fill(~real, -1),
        middles=store.middles[texts].long(),
        vocabulary=store.vocabulary,
    )


def take(batch: TextBatch, rows: Tensor) -> TextBatch:
    """These texts of a batch, at its width.

    Args:
        batch: the texts.
        rows: int64, of which some may repeat; or bool [texts].
    """
    columns = ("ids", "real", "segments", "words", "middles")
    return replace(batch, **{name: getattr(batch, name)[rows] for name in columns})


def _moved(holder: TokenStore | TextBatch, device: torch.device) -> dict[str, Any]:
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    return {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
