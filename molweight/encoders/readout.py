"""From atoms to molecules."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.encoders.compute import at_least_float32
from molweight.molecules.batch import GraphBatch
from molweight.molecules.padding import PaddedBatch


def mean_readout(h: Tensor, batch: GraphBatch) -> Tensor:
    """Mean over the atoms of each molecule, padding left out: [atoms, width] to [molecules, width]."""
    if isinstance(batch, PaddedBatch):
        return _mean_over_places(h, batch, batch.real).index_select(0, batch.whole)
    if torch.is_inference_mode_enabled():
        return _mean_in_order(h, batch)
    return mean_over(h, batch.molecule, batch.molecules)


def mean_of_chosen(h: Tensor, batch: GraphBatch, chosen: Tensor) -> Tensor:
    """Mean over the chosen atoms, bool [atoms], of each molecule; zeros where there are none.

    Returns:
        [molecules, width], molecules of padding among them.
    """
    if isinstance(batch, PaddedBatch):
        return _mean_over_places(h, batch, chosen)
    return mean_over(h[chosen], batch.molecule[chosen], batch.molecules)


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


def _mean_in_order(h: Tensor, batch: GraphBatch) -> Tensor:
    # a GPU's `index_add` adds in any order, but can be differentiated in every way
    rows = torch.arange(batch.atoms, device=h.device)
    total = F.embedding_bag(rows, at_least_float32(h), batch.first_atom, mode="sum")
    return total / batch.sizes.clamp(min=1)[:, None]


def _mean_over_places(h: Tensor, batch: PaddedBatch, chosen: Tensor) -> Tensor:
    wide = at_least_float32(h)
    rows = torch.arange(batch.atoms, device=h.device)
    chosen = chosen & (rows != batch.padding)
    column = torch.where(chosen, rows, batch.padding)
    ends = torch.cat([batch.first_atom, batch.first_atom.new_full((1,), batch.atoms)])
    total: Tensor = _SumOverMolecules.apply(wide, column, ends, batch.molecule)
    count = torch.zeros_like(batch.sizes).index_add_(0, batch.molecule, chosen.long())
    return total / count.clamp(min=1)[:, None]


class _SumOverMolecules(torch.autograd.Function):
    """Sum of the rows of each molecule, in order: a GPU's `index_add` would add in any.

    Rows are consecutive; those whose column is the last row are left out.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, column: Tensor, row_offsets: Tensor, molecule: Tensor) -> Tensor:
        ctx.save_for_backward(column, molecule)
        return F.embedding_bag(
            column, h, row_offsets, mode="sum", include_last_offset=True, padding_idx=len(h) - 1
        )

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        column, molecule = ctx.saved_tensors
        left_out = (column == len(column) - 1)[:, None]
        return grad.index_select(0, molecule).masked_fill_(left_out, 0), None, None, None
