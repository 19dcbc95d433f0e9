"""A GIN layer on a padded batch as one autograd function: a GPU's form of `fused_layer`.

Every atom has a row of its own here, and time goes into reading and writing them. So the sum over neighbours
is taken of the narrow rows, before the first product; what bonds and bias add comes through the same small
product; and activations stay in the products' dtype, while statistics and parameters are float32 or better.

Rows of padding: bond counts, bias and neighbours of an atom that is not there are zero, and so is its row
after the first ReLU, and the second product, whose bias is left to the batch normalisation. Nobody reads its
output, so that its gradient is zero after the normalisation and, by that ReLU, before the first product.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.encoders.batch_norm import BatchNorm
from molweight.encoders.fused_layer import refuse_second_derivative
from molweight.encoders.message_passing import neighbour_sum
from molweight.encoders.row_norm import Moments, Rows, gradients, moments, normalise
from molweight.molecules.padding import PaddedBatch

aten = torch.ops.aten

COLUMNS = 16  # bond counts, one column for the bias, and zeros that make rows begin at multiples of 32 bytes


def count_columns(batch: PaddedBatch, dtype: torch.dtype) -> Tensor:
    """Bond counts of each atom and 1, or zeros where an atom is not there: [atoms, 16]."""
    columns = torch.cat([batch.bond_counts, batch.real[:, None].float()], dim=1)
    return F.pad(columns, (0, COLUMNS - columns.shape[1])).to(dtype)


class PaddedLayer(torch.autograd.Function):
    """A layer in training with its gradient: MLP, batch normalisation, and ReLU where asked.

    It cannot be differentiated twice, and says so.
    """

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        tables: Tensor,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        gamma: Tensor,
        beta: Tensor,
        counts: Tensor,
        batch: PaddedBatch,
        rows: Rows,
        norm: BatchNorm,
        relu: bool,
    ) -> Tensor:
        """[atoms, width] to [atoms, width], in the dtype of `counts`.

        Args:
            ctx: autograd's.
            h: rows of the layer below.
            tables: bond embeddings, [9, width].
            w1: [2 width, width].
            b1: [2 width].
            w2: [width, 2 width].
            b2: [width].
            gamma: scale of the batch normalisation, [width].
            beta: its shift, [width].
            counts: of `count_columns`, in the dtype of the products.
            batch: whose adjacency is used.
            rows: its atoms.
            norm: whose running statistics move where it tracks them.
            relu: whether a ReLU follows.
        """
        dtype = counts.dtype
        summed, w1_cast, w2_cast = neighbour_sum(h.to(dtype), batch), w1.to(dtype), w2.to(dtype)
        added = torch.cat([tables @ w1.T, b1[None]])
        table = F.pad(added, (0, 0, 0, COLUMNS - len(added))).to(dtype)
        y = (counts @ table).addmm_(summed, w1_cast.T).relu_()
        z = y @ w2_cast.T
        found = moments(z, b2, norm, rows)
        out = normalise(z, found, gamma, beta, norm.eps)
        out = out.relu_() if relu else out
        kept = summed, tables, w1, w1_cast, w2_cast, gamma, found.mean, found.rstd, y, z, counts
        ctx.save_for_backward(*kept, out if relu else None)
        ctx.batch, ctx.rows = batch, rows
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of h, tables, w1, b1, w2, b2, gamma and beta."""
        refuse_second_derivative()
        summed, tables, w1, w1_cast, w2_cast, gamma, mean, rstd, y, z, counts, out = ctx.saved_tensors
        grad = grad.contiguous() if out is None else aten.threshold_backward(grad.contiguous(), out, 0)
        grad_z, g_gamma, g_beta = gradients(grad, z, Moments(mean, rstd), gamma, ctx.rows)
        grad_y = grad_z @ w2_cast
        aten.threshold_backward.grad_input(grad_y, y, 0, grad_input=grad_y)
        grad_table = (counts.T @ grad_y).to(w1.dtype)[: len(tables) + 1]  # of [E·W₁ᵀ; b₁]
        return (
            neighbour_sum(grad_y @ w1_cast, ctx.batch),
            grad_table[:-1] @ w1,
            (grad_y.T @ summed).to(w1.dtype).addmm_(grad_table[:-1].T, tables),
            grad_table[-1],
            (grad_z.T @ y).to(w1.dtype),
            # normalisation by the batch takes away whatever b₂ adds
            torch.where(ctx.rows.few, gamma * rstd * g_beta, 0.0),
            g_gamma,
            g_beta,
            *[None] * 5,
        )
