"""Losses over the labels that are there."""

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.tasks.data import TaskKind


def masked_loss(predicted: Tensor, labels: Tensor, kind: TaskKind, divisor: Tensor | None = None) -> Tensor:
    """Mean over the labels present: binary cross-entropy of logits, or squared error.

    Args:
        predicted: [molecules, tasks], logits for classification.
        labels: same shape, NaN where missing.
        kind: of the tasks.
        divisor: what the sum is divided by, in place of the number of labels present.

    Returns:
        A scalar; 0 where every label is missing.
    """
    present = ~torch.isnan(labels)
    target = torch.where(present, labels, 0.0).to(predicted.dtype)
    if kind == "classification":
        each = F.binary_cross_entropy_with_logits(predicted, target, reduction="none")
    else:
        each = (predicted - target).square()
    return torch.where(present, each, 0.0).sum() / (
        present.sum().clamp(min=1) if divisor is None else divisor
    )
