"""Batch normalisation over the rows that are there, of a matrix whose other rows are zero.

On a GPU these are torch's kernels for synchronised batch normalisation, which read and write each matrix once
in its own precision; elsewhere they are the same formulas, composed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from molweight.encoders.batch_norm import BatchNorm


@dataclass(frozen=True)
class Rows:
    """How many rows are there, int64 scalar on their device, and of how many."""

    there: Tensor
    places: int

    @property
    def few(self) -> Tensor:
        """Whether they are too few for a variance: bool scalar."""
        return self.there < 2


@dataclass(frozen=True)
class Moments:
    """What rows are normalised by: mean and 1/√(variance + ε), float32 or better, [width]."""

    mean: Tensor
    rstd: Tensor


def moments(z: Tensor, offset: Tensor, norm: BatchNorm, rows: Rows) -> Moments:
    """Statistics of z where its rows are there; running ones, less the offset, where they are too few.

    Running statistics move, where they are tracked, as if z were z + offset.

    Args:
        z: [places, width], zero where a row is not there.
        offset: what z lacks, [width]; normalising takes it away.
        norm: in training.
        rows: of z.
    """
    mean, variance = _moments_of_all(z, norm)
    there = rows.there.to(mean.dtype).clamp(min=1)
    share = rows.places / there
    # zeros have moved the mean by a factor, and the mean square by the same
    second, mean = (variance + mean.square()) * share, mean * share
    variance = (second - mean.square()).clamp(min=0)
    mean = torch.where(rows.few, norm.running_mean - offset, mean)
    if norm.track_running_stats:
        _move(norm, mean + offset, variance * (there / (there - 1).clamp(min=1)), rows.few)
    variance = torch.where(rows.few, norm.running_var, variance)
    return Moments(mean, (variance + norm.eps).rsqrt())


def normalise(z: Tensor, found: Moments, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
    """(z − mean) · rstd · γ + β, in the dtype of z: [places, width]."""
    if z.is_cuda:
        return torch.batch_norm_elemt(z, gamma, beta, found.mean, found.rstd, eps)
    scale = gamma * found.rstd
    return torch.addcmul(beta - found.mean * scale, z, scale).to(z.dtype)


def gradients(
    grad: Tensor, z: Tensor, found: Moments, gamma: Tensor, rows: Rows
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of z, γ and β; that of z means nothing in rows that are not there.

    Args:
        grad: of the output, [places, width], zero where a row is not there.
        z: the input.
        found: what it was normalised by.
        gamma: [width].
        rows: of z.
    """
    if z.is_cuda:
        sums = torch.batch_norm_backward_reduce(grad, z, found.mean, found.rstd, gamma, True, True, True)
        along_mean, along_spread, g_gamma, g_beta = sums
    else:
        g_beta = along_mean = grad.sum(0, dtype=gamma.dtype)
        along_spread = (grad * (z - found.mean)).sum(0, dtype=gamma.dtype)
        g_gamma = along_spread * found.rstd
    # running statistics do not depend on z
    along_mean, along_spread = (s.masked_fill(rows.few, 0) for s in (along_mean, along_spread))
    there = rows.there.clamp(min=1)
    if z.is_cuda:
        count = there.to(torch.int32)[None]
        g_z = torch.batch_norm_backward_elemt(
            grad, z, found.mean, found.rstd, gamma, along_mean, along_spread, count
        )
    else:
        slope = found.rstd.square() * along_spread / there
        g_z = (gamma * found.rstd * (grad - along_mean / there - (z - found.mean) * slope)).to(z.dtype)
    return g_z, g_gamma, g_beta


def _moments_of_all(z: Tensor, norm: BatchNorm) -> tuple[Tensor, Tensor]:
    if z.is_cuda:
        mean, rstd = torch.batch_norm_stats(z, norm.eps)
        return mean, rstd.pow(-2) - norm.eps
    variance, mean = torch.var_mean(z.to(norm.running_mean.dtype), 0, correction=0)
    return mean, variance


def _move(norm: BatchNorm, mean: Tensor, variance: Tensor, few: Tensor) -> None:
    norm.num_batches_tracked.add_(~few)
    weight = norm.momentum * (~few).to(mean.dtype)
    norm.running_mean.lerp_(mean, weight)
    norm.running_var.lerp_(variance, weight)
