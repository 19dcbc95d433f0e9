"""The pretrain and finetune problems as modules: what the solver sees of texts.

The solver pairs the parameters of the two encoders by their names and holds each of the copy's near its
counterpart by one squared L2 norm over all of them. (The code published with the method pairs the
parameters of its text models by position, which pairs a head with whatever stands there, and takes absolute
instead of squared differences for some.) The heads of either problem have no counterpart in the other, and
are free.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import Compute, at_least_float32
from molweight.encoders.transformer import TextEncoder, mean_pool
from molweight.objectives.text.shared_view import SHARING, SharedView
from molweight.solver.draws import mixed_seed, seeded
from molweight.tasks.data import TaskKind
from molweight.tokens.store import TextBatch, TokenStore, collate


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their labels.

    Attributes:
        texts: of the batch.
        labels: numbers of classes or standardised values, float32 [texts], NaN where missing.
    """

    texts: TextBatch
    labels: Tensor


def labelled_texts(store: TokenStore, labels: Tensor, texts: Tensor) -> LabelledTexts:
    """Collate texts with their labels, all on the store's device."""
    return LabelledTexts(collate(store, texts), labels[texts])


def text_loss(outputs: Tensor, labels: Tensor, kind: TaskKind) -> Tensor:
    """Mean over the labels present: cross-entropy of the classes, or squared error.

    Args:
        outputs: [texts, classes], logits, or [texts, 1].
        labels: [texts], NaN where missing.
        kind: of the labels.

    Returns:
        A scalar; 0 where every label is missing.
    """
    present = ~torch.isnan(labels)
    target = torch.where(present, labels, 0.0)
    if kind == "classification":
        each = F.cross_entropy(outputs, target.long(), reduction="none")
    else:
        each = (outputs[:, 0] - target.to(outputs.dtype)).square()
    return torch.where(present, each, 0.0).sum() / present.sum().clamp(min=1)


def start_head(head: nn.Linear, labels: Tensor, kind: TaskKind) -> None:
    """Let a head predict the shares of the classes, or the mean, whatever its input.

    Args:
        head: to [classes], or to 1 value.
        labels: [texts], NaN where missing; standardised values.
        kind: of the labels.
    """
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    if kind == "classification":
        counts = torch.bincount(labels[~labels.isnan()].long(), minlength=head.out_features)
        with torch.no_grad():
            head.bias.copy_(((counts + 0.5) / (counts + 0.5).sum()).log())


class TextPretrainProblem(nn.Module):
    """An encoder and the objectives that pretrain it.

    Objectives that hide tokens draw the same ones, and share one pass through the encoder.

    Args:
        encoder: shared by all objectives.
        objectives: by name.
        compute: device and precision.
    """

    def __init__(self, encoder: TextEncoder, objectives: nn.ModuleDict, compute: Compute) -> None:
        super().__init__()
        self.encoder, self.objectives, self.compute = encoder, objectives, compute

    def forward(self, batch: TextBatch, seed: int) -> dict[str, Tensor]:
        """Each objective's loss on a batch; the same seed makes the same choices and the same dropout."""
        losses, shared = {}, SharedView(self.encoder)
        for number, (name, objective) in enumerate(self.objectives.items()):
            sharing = name in SHARING
            own = mixed_seed(seed, -1 if sharing else number)
            with self.compute.autocast(), seeded(own, batch.ids.device):
                generator = torch.Generator().manual_seed(own)
                losses[name] = objective(shared if sharing else self.encoder, batch, generator)
        return losses


class TextFinetuneProblem(nn.Module):
    """An encoder and a linear head on the mean over a text's tokens.

    Args:
        encoder: fine-tuned.
        outputs: one for each class, or 1.
        kind: of the labels.
        compute: device and precision.
        dropout: between the mean and the head.
    """

    def __init__(
        self, encoder: TextEncoder, outputs: int, kind: TaskKind, compute: Compute, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.encoder, self.kind, self.compute = encoder, kind, compute
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, outputs)

    def forward(self, batch: LabelledTexts) -> Tensor:
        """Outputs for the texts of a batch; its labels are not read."""
        return self.predict(batch.texts)

    def loss(self, outputs: Tensor, batch: LabelledTexts) -> Tensor:
        """Mean loss over the labels present, a scalar."""
        return text_loss(outputs, batch.labels, self.kind)

    def predict(self, batch: TextBatch) -> Tensor:
        """Logits, or standardised values: [texts, outputs]."""
        with self.compute.autocast():
            pooled = self.dropout(mean_pool(self.encoder(batch), batch))
            return at_least_float32(self.head(pooled))
