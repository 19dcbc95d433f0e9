"""What held-out folds agree on: a hypergradient with the folds' spread as its error bar."""

import torch
from torch import Tensor

MEMORY = 0.8  # of a fold's running slopes: about five of its turns
ERRORS = 2  # standard errors that a mean must be from zero; one alone is passed by chance every third time


def running(old: Tensor, new: Tensor) -> Tensor:
    """A fold's running ∂F/∂λ once it has taken in a new one.

    Args:
        old: NaN where there was none, [objectives].
        new: of this step, [objectives].
    """
    return torch.where(old.isnan(), new, MEMORY * old + (1 - MEMORY) * new)


def agreed(slopes: Tensor, weights: Tensor) -> Tensor:
    """The folds' mean ∂F/∂λ, each part of it drawn towards zero by how little they agree on it.

    What all objectives have in common, and how each differs from that, are shrunk on their own: the first
    moves the strength of the objectives, the second alone their shares. Zeros until every fold has spoken.

    Args:
        slopes: ∂F/∂λ_k of each of two or more folds, [folds, objectives]; NaN where a fold has none.
        weights: λ, [objectives].

    >>> agreed(torch.tensor([[0.5, -0.5], [-0.5, 0.5]]), torch.tensor([0.5, 0.5]))
    tensor([0., 0.])
    """
    if bool(slopes.isnan().any()):
        return torch.zeros_like(weights)
    common = slopes @ (weights / weights.sum())
    return shrunk(common) + shrunk(slopes - common[:, None])


def shrunk(values: Tensor) -> Tensor:
    """Mean over folds m times max(0, 1 − (2e/m)²), with e its standard error: zero where |m| ≤ 2e.

    The positive part of James and Stein's rule, with an error bar of two standard errors.

    Args:
        values: [folds, ...].

    >>> shrunk(torch.tensor([[4.0, 1.0], [6.0, -1.0]]))
    tensor([4.2000, 0.0000])
    """
    mean, error = values.mean(0), values.std(0) / len(values) ** 0.5
    kept = (1 - (ERRORS * error / mean) ** 2).clamp(min=0)
    return torch.where(mean == 0, 0, mean * kept)
