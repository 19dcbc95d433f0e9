"""One corrupted view for several objectives, and so one forward pass through the encoder."""

from torch import Tensor, nn

from molweight.molecules.batch import GraphBatch

# objectives that look at all atoms of the batch in place, with features hidden at most
SHARING = ("attribute_masking", "edge_prediction")


class SharedView:
    """An encoder that shows everyone the view that it is first asked about.

    Edge prediction thus reads the atoms of which attribute masking has hidden some, and its loss is the
    one of that view: bonds have to be told by what surrounds a hidden atom, which is harder. Attribute
    masking's own loss is unchanged. Views whose atoms are others (contrastive learning's and context
    prediction's) cannot be shared.

    Args:
        encoder: from a batch to representations of its atoms.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
        self.seen: Tensor | None = None

    def __call__(self, batch: GraphBatch) -> Tensor:
        """Representations of the atoms of the first batch, [atoms, width]; later ones are not looked at."""
        if self.seen is None:
            self.seen = self.encoder(batch)
        return self.seen
