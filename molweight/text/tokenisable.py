"""Which texts a tokeniser can make tokens of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.tokens.tokenise import Tokeniser

UNREADABLE = "the text has no character that the tokeniser keeps"


def tokenisable(
    tokeniser: Tokeniser, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> NDArray[np.bool_]:
    """Whether each text, or pair, is neither empty nor made of characters that the tokeniser drops.

    Args:
        tokeniser: asked all at once where all are readable, and text by text else.
        texts: to look at.
        pairs: their partners, or None.
        max_length: most tokens of a text.

    Raises:
        ConfigError: if the encoder takes no texts of this length.
    """
    if _readable(tokeniser, texts, pairs, max_length):
        return np.ones(len(texts), np.bool_)
    each = (
        _readable(tokeniser, texts[i : i + 1], None if pairs is None else pairs[i : i + 1], max_length)
        for i in range(len(texts))
    )
    return np.array(list(each), np.bool_)


def _readable(
    tokeniser: Tokeniser, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> bool:
    try:
        tokeniser.tokenise(texts, pairs, max_length)
    except DataError:
        return False
    return True
