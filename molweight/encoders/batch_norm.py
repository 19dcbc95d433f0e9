"""Batch normalisation over the rows of one process, or over those of all processes of a data-parallel run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that falls back on its running statistics for fewer than two rows.

    Under `torch.func` a half-precision input is normalised in float32, because the second derivatives of
    torch's batch normalisation mix up dtypes where input and weight differ.

    Where it is `synchronised`, training normalises by the mean and variance over the rows of all ranks, as
    if they were one batch: to any order of derivatives, and on CPUs, where torch's SyncBatchNorm does not
    run. Every rank must then call it equally often, if need be with no rows.
    """

    synchronised = False
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, input: Tensor) -> Tensor:
        """[rows, width] to [rows, width]."""
        if self.training and self.synchronised:
            return self._over_ranks(at_least_float32(input)).to(input.dtype)
        if self.training and len(input) < 2:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if torch._C._are_functorch_transforms_active():
            return super().forward(at_least_float32(input)).to(input.dtype)
        return super().forward(input)

    def _over_ranks(self, x: Tensor) -> Tensor:
        summed = _SumOverRanks.apply(torch.cat([x.sum(0), x.new_full((1,), len(x))]))  # [width + 1]
        rows = summed[-1].detach()
        mean = summed[:-1] / rows.clamp(min=1)
        centred = x - mean
        squares = _SumOverRanks.apply(centred.square().sum(0))
        if self.track_running_stats:
            self._track(mean.detach(), squares.detach(), rows)
        scale = (squares / rows.clamp(min=1) + self.eps).rsqrt() * self.weight
        return centred * scale + self.bias

    @torch.no_grad()
    def _track(self, mean: Tensor, squares: Tensor, rows: Tensor) -> None:
        kept = 1 - self.momentum * (rows > 1).to(rows)
        self.running_mean.mul_(kept).add_((1 - kept) * mean)
        variance = squares / (rows - 1).clamp(min=1)
        self.running_var.mul_(kept).add_((1 - kept) * variance)
        self.num_batches_tracked.add_(1)


@contextmanager
def synchronised_norms(*modules: nn.Module, active: bool = True) -> Iterator[None]:
    """Let the batch normalisations of some modules take their statistics over all ranks.

    Args:
        modules: on every rank the same.
        active: whether to; where there is one rank it would only cost.
    """
    norms = [m for module in modules for m in module.modules() if isinstance(m, BatchNorm) and active]
    for m in norms:
        m.synchronised = True
    try:
        yield
    finally:
        for m in norms:
            m.synchronised = False


class _SumOverRanks(torch.autograd.Function):
    """Σ over ranks, linear and symmetric: its own derivative along a tangent, and its own gradient."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _SumOverRanks.apply(grad)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return _SumOverRanks.apply(tangent)
