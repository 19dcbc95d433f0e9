"""From atoms to molecules."""

import torch
from torch import Tensor

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch


def mean_readout(h: Tensor, batch: GraphBatch) -> Tensor:
    """Mean over the atoms of each molecule: [atoms, width] to [molecules, width]."""
    return mean_over(h, batch.molecule, batch.molecules)


def mean_over(h: Tensor, group: Tensor, groups: int) -> Tensor:
    """Mean of the rows of each group; the sum is taken in float32 or better.

    Args:
        h: [rows, width].
        group: int64 [rows], from 0 to `groups` - 1.
        groups: number of groups; a group without rows gets zeros.
    """
    wide = at_least_float32(h)
    total = wide.new_zeros(groups, h.shape[1]).index_add(0, group, wide)
    count = torch.bincount(group, minlength=groups).clamp(min=1)
    return total / count[:, None]
