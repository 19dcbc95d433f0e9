"""The one place where texts become tokens."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molweight.errors import ConfigError, DataError
from molweight.tokens.store import TokenStore, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

CHUNK = 4096  # texts tokenised at a time: bounds the memory that the tokeniser's own objects take
SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)")


@dataclass(frozen=True)
class Tokeniser:
    """A fast tokeniser with a mask and a padding token.

    Attributes:
        fast: of `transformers`, backed by `tokenizers`.
        vocabulary: what its ids mean.
    """

    fast: "PreTrainedTokenizerFast"
    vocabulary: Vocabulary

    def tokenise(self, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int) -> TokenStore:
        """The texts, or the pairs of texts, as tokens.

        What is too long keeps its beginning; of a pair, the longer text is cut first. The name of a special
        token inside a text is plain text.

        Args:
            texts: none empty.
            pairs: the second text of each, or None.
            max_length: most tokens of a text or a pair, special ones included.

        Raises:
            ConfigError: if the encoder takes no texts of this length, or it has no room for their words.
            DataError: if a text, counted from 1, is empty or has no character that the tokeniser keeps, or
                if texts and partners differ in number.
        """
        self._check_length(max_length, pairs is not None)
        _check_texts(texts, pairs)
        rows = [_row(*encoded) for encoded in self._encoded(texts, pairs, max_length)]
        for number, row in enumerate(rows, 1):
            if not {0, int(pairs is not None)} <= set(row.texts):
                raise DataError(f"text {number}: no character that the tokeniser keeps; leave it out")
        return _store(rows, self.vocabulary)

    def _encoded(
        self, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
    ) -> Iterator[tuple[str, "Encoding"]]:
        backend = self.fast.backend_tokenizer
        settings = backend.truncation, backend.padding, backend.encode_special_tokens
        inputs = texts if pairs is None else list(zip(texts, pairs, strict=True))
        try:
            backend.enable_truncation(max_length, strategy="longest_first", direction="right")
            backend.no_padding()
            backend.encode_special_tokens = True
            for start in range(0, len(texts), CHUNK):
                part = slice(start, start + CHUNK)
                yield from zip(texts[part], backend.encode_batch(inputs[part]), strict=True)
        finally:
            truncation, padding, backend.encode_special_tokens = settings
            backend.enable_truncation(**truncation) if truncation else backend.no_truncation()
            backend.enable_padding(**padding) if padding else backend.no_padding()

    def _check_length(self, max_length: int, paired: bool) -> None:
        least = self.fast.num_special_tokens_to_add(pair=paired) + 1 + paired
        if not least <= max_length <= self.vocabulary.max_length:
            most = self.vocabulary.max_length
            raise ConfigError(f"a maximum of {max_length} tokens: choose one from {least} to {most}")


@dataclass(frozen=True)
class _Row:
    """One tokenised text: arrays over its tokens; `texts` says which of a pair, -1 for special tokens."""

    ids: NDArray[np.int32]
    segments: NDArray[np.uint8]
    words: NDArray[np.int32]
    texts: NDArray[np.int8]
    middle: int
    truncated: bool


def _check_texts(texts: Sequence[str], pairs: Sequence[str] | None) -> None:
    if pairs is not None and len(pairs) != len(texts):
        raise DataError(f"{len(texts)} texts have {len(pairs)} partners; give one for each")
    for name, column in (("text", texts), ("the partner of text", pairs or ())):
        for number, text in enumerate(column, 1):
            if not text.strip():
                raise DataError(f"{name} {number} is {text!r}; leave empty texts out")


def _row(text: str, encoding: "Encoding") -> _Row:
    numbers = np.array([-1 if word is None else word for word in encoding.word_ids], np.int64)
    texts = np.array([-1 if which is None else which for which in encoding.sequence_ids], np.int8)
    texts[numbers < 0] = -1
    changes = np.diff(numbers, prepend=-1).astype(bool) | np.diff(texts, prepend=-1).astype(bool)
    starts = changes & (texts >= 0)
    ends = np.array(encoding.offsets, np.int64).reshape(-1, 2)[:, 1]
    return _Row(
        ids=np.array(encoding.ids, np.int32),
        # tokenisers of models without segments number every token 0
        segments=np.maximum(np.array(encoding.type_ids, np.uint8), texts == 1).astype(np.uint8),
        words=np.where(texts >= 0, starts.cumsum() - 1, -1).astype(np.int32),
        texts=texts,
        middle=_middle(text, texts == 0, starts, ends),
        truncated=bool(encoding.overflowing),
    )


def _middle(text: str, first: NDArray[np.bool_], starts: NDArray[np.bool_], ends: NDArray[np.int64]) -> int:
    """Where to split the first text in two: at a sentence's end near its middle, else at a word's.

    Args:
        text: as it was given.
        first: whether a token is one of this text.
        starts: whether a token begins a word.
        ends: of the tokens, in characters.
    """
    inside = first.nonzero()[0]
    sentence_ends = [match.end() for match in SENTENCE_END.finditer(text)]
    sentences = inside[:1] + ends[inside].searchsorted(sentence_ends, "right")
    for places in (sentences, (first & starts).nonzero()[0]):
        within = places[(places > inside[:1]) & (places <= inside[-1:])]
        if len(within):
            return int(within[np.abs(2 * within - inside[0] - inside[-1] - 1).argmin()])
    return 0


def _store(rows: Sequence[_Row], vocabulary: Vocabulary) -> TokenStore:
    return TokenStore(
        ids=_joined([row.ids for row in rows], np.int32),
        segments=_joined([row.segments for row in rows], np.uint8),
        words=_joined([row.words for row in rows], np.int32),
        middles=torch.tensor([row.middle for row in rows], dtype=torch.int32),
        offsets=torch.tensor(np.cumsum([0, *(len(row.ids) for row in rows)]), dtype=torch.int64),
        vocabulary=vocabulary,
        truncated=sum(row.truncated for row in rows),
    )


def _joined(parts: Sequence[NDArray[np.generic]], dtype: type[np.generic]) -> Tensor:
    return torch.from_numpy(np.concatenate([np.empty(0, dtype), *parts]))
