from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from molweight.encoders.transformer_checkpoints import LoadedText, load_text_encoder
from molweight.tokens.store import TextBatch, collate


class Recorder(nn.Module):
    """In place of a transformer: keeps the batches it is shown; a token is the row of its id."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.embeddings, self.seen = nn.Parameter(table), []
        self.vocabulary_size, self.width = table.shape
        self.token_head = None

    def forward(self, batch: TextBatch) -> Tensor:
        self.seen.append(batch)
        return self.embeddings[batch.ids]


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def loaded(tiny_text) -> LoadedText:
    return load_text_encoder(tiny_text)


@pytest.fixture
def batch_of(loaded) -> Callable[..., TextBatch]:
    def make(texts: Sequence[str], pairs: Sequence[str] | None = None) -> TextBatch:
        return collate(loaded.tokeniser.tokenise(texts, pairs, 64), torch.arange(len(texts)))

    return make
