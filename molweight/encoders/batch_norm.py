"""Batch normalisation over the atoms of a batch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that falls back on its running statistics for a single row.

    Under `torch.func` a half-precision input is normalised in float32, because the second derivatives of
    torch's batch normalisation mix up dtypes where input and weight differ.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, input: Tensor) -> Tensor:
        """[rows, width] to [rows, width]."""
        if self.training and len(input) == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if torch._C._are_functorch_transforms_active():
            return super().forward(at_least_float32(input)).to(input.dtype)
        return super().forward(input)
