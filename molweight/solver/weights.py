"""Objective weights: shares from logits, and losses brought to a common scale."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

DECAY = 0.95  # of the running gradient norms: about 20 steps of memory


@dataclass
class GradientScale:
    """Running norm of each objective's gradient in the encoder.

    Losses of different objectives live on different scales. Divided by this, each pushes the encoder
    with about unit force, so that a weight is a share of the update and compares between data sets.
    """

    norms: dict[str, float] = field(default_factory=dict)

    def update(self, name: str, gradient_norm: float) -> None:
        """Take in a new norm; zeros, from batches that held nothing to learn, are left out."""
        if gradient_norm > 0:
            old = self.norms.get(name, gradient_norm)
            self.norms[name] = DECAY * old + (1 - DECAY) * gradient_norm

    def __getitem__(self, name: str) -> float:
        return self.norms.get(name, 1.0)


def uniform_weights(names: Sequence[str]) -> dict[str, float]:
    """Equal shares.

    >>> uniform_weights(["a", "b"])
    {'a': 0.5, 'b': 0.5}
    """
    return {name: 1 / len(names) for name in names}


def softmax_pullback(weights: Tensor, gradient: Tensor) -> Tensor:
    """Jᵀg for the Jacobian J of the softmax that gave the weights: λ ⊙ (g − ⟨λ, g⟩)."""
    return weights * (gradient - weights @ gradient)


def softmax_weights(names: Sequence[str], logits: Tensor) -> dict[str, float]:
    """Shares λ = softmax(w) by objective."""
    return dict(zip(names, torch.softmax(logits.double(), 0).tolist(), strict=True))
