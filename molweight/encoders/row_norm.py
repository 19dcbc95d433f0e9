"""Batch normalisation over the rows that are there, of a matrix whose other rows are zero.

On a GPU these are torch's kernels for synchronised batch normalisation, which read and write each matrix once
in its own precision; elsewhere they are the same formulas, composed. A matrix may have more columns than
there are features: zeros, whose scale and shift are zero.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.encoders.batch_norm import BatchNorm


@dataclass(frozen=True)
class Rows:
    """How many rows are there, and what follows from that; scalars on their device.

    Attributes:
        count: of rows that are there, at least 1, int32 [1].
        few: whether they are too few for a variance, bool.
        share: places over rows.
        unbiased: rows over rows - 1.
    """

    count: Tensor
    few: Tensor
    share: Tensor
    unbiased: Tensor

    @classmethod
    def of(cls, real: Tensor, dtype: torch.dtype) -> "Rows":
        """Of the rows that are there, bool [places], for statistics in this dtype."""
        there = real.sum()
        count = there.clamp(min=1)
        exact = count.to(dtype)
        return cls(
            count.to(torch.int32)[None], there < 2, len(real) / exact, exact / (exact - 1).clamp(min=1)
        )


@dataclass(frozen=True)
class Scales:
    """Parameters and running statistics of a batch normalisation, with zeros to as many columns as there are.

    Attributes:
        gamma: [columns].
        beta: [columns].
        offset: what the input lacks, [columns]; normalising takes it away.
        running_mean: [columns].
        running_var: [columns].
    """

    gamma: Tensor
    beta: Tensor
    offset: Tensor
    running_mean: Tensor
    running_var: Tensor

    @classmethod
    def of(cls, norm: BatchNorm, gamma: Tensor, beta: Tensor, offset: Tensor, columns: int) -> "Scales":
        """Vectors of [width]."""
        rows = torch.stack([gamma, beta, offset, norm.running_mean, norm.running_var])
        return cls(*F.pad(rows, (0, columns - len(gamma))).unbind())


@dataclass(frozen=True)
class Moments:
    """What rows are normalised by: mean and 1/√(variance + ε), float32 or better, [columns]."""

    mean: Tensor
    rstd: Tensor


def moments(z: Tensor, scales: Scales, norm: BatchNorm, rows: Rows) -> Moments:
    """Statistics of z where its rows are there; running ones, less the offset, where they are too few.

    Running statistics move, where they are tracked, as if z were z + offset.

    Args:
        z: [places, columns], zero where a row is not there.
        scales: with the running statistics.
        norm: in training.
        rows: of z.
    """
    mean, variance = _moments_of_all(z, norm)
    # zeros have moved the mean by a factor, and the mean square by the same
    second = torch.addcmul(variance, mean, mean) * rows.share
    mean = mean * rows.share
    variance = torch.addcmul(second, mean, mean, value=-1).clamp_(min=0)
    mean = torch.where(rows.few, scales.running_mean - scales.offset, mean)
    if norm.track_running_stats:
        width = len(norm.running_mean)
        _move(norm, (mean + scales.offset)[:width], (variance * rows.unbiased)[:width], ~rows.few)
    variance = torch.where(rows.few, scales.running_var, variance)
    return Moments(mean, (variance + norm.eps).rsqrt())


def normalise(z: Tensor, found: Moments, scales: Scales, eps: float) -> Tensor:
    """(z − mean) · rstd · γ + β, in the dtype of z: [places, columns]."""
    if z.is_cuda:
        return torch.batch_norm_elemt(z, scales.gamma, scales.beta, found.mean, found.rstd, eps)
    scale = scales.gamma * found.rstd
    return torch.addcmul(scales.beta - found.mean * scale, z, scale).to(z.dtype)


def gradients(
    grad: Tensor, z: Tensor, found: Moments, gamma: Tensor, rows: Rows
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of z, γ and β; that of z means nothing in rows that are not there.

    Args:
        grad: of the output, [places, columns], zero where a row is not there.
        z: the input.
        found: what it was normalised by.
        gamma: [columns].
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
    if z.is_cuda:
        g_z = torch.batch_norm_backward_elemt(
            grad, z, found.mean, found.rstd, gamma, along_mean, along_spread, rows.count
        )
    else:
        slope = found.rstd.square() * along_spread / rows.count
        g_z = gamma * found.rstd * (grad - along_mean / rows.count - (z - found.mean) * slope)
    return g_z.to(z.dtype), g_gamma, g_beta


def _moments_of_all(z: Tensor, norm: BatchNorm) -> tuple[Tensor, Tensor]:
    if z.is_cuda:
        mean, rstd = torch.batch_norm_stats(z, norm.eps)
        return mean, rstd.pow(-2) - norm.eps
    variance, mean = torch.var_mean(z.to(norm.running_mean.dtype), 0, correction=0)
    return mean, variance


def _move(norm: BatchNorm, mean: Tensor, variance: Tensor, moves: Tensor) -> None:
    norm.num_batches_tracked.add_(moves)
    weight = norm.momentum * moves.to(mean.dtype)
    norm.running_mean.lerp_(mean, weight)
    norm.running_var.lerp_(variance, weight)
