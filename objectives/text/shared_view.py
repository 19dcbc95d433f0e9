"""One masked view for several objectives, and so one forward pass through the encoder."""

import torch
from torch import Tensor

from molweight.encoders.transformer import TokenEncoder
from molweight.tokens.store import TextBatch

# objectives that hide tokens in one and the same way: from generators of one seed they draw the same view
SHARING = ("masked_language_modelling", "bag_of_words")


class SharedView:
    """An encoder that remembers the view it was shown last.

    The loss of an objective that asks for the same view again is the one it would have on its own under the
    same dropout; a view that differs in any token is encoded anew.

    Args:
        encoder: from a batch to representations of its tokens.
    """

    def __init__(self, encoder: TokenEncoder) -> None:
        self.encoder = encoder
        self.seen: tuple[TextBatch, Tensor] | None = None

    @property
    def embeddings(self) -> Tensor:
        """The encoder's."""
        return self.encoder.embeddings

    def __call__(self, batch: TextBatch) -> Tensor:
        """Representations of the tokens, [texts, tokens, width]."""
        if self.seen is None or not torch.equal(self.seen[0].ids, batch.ids):
            self.seen = batch, self.encoder(batch)
        return self.seen[1]
