"""A GIN layer on a padded batch as one autograd function: a GPU's form of `fused_layer`.

Every atom has a row of its own here, and time goes into reading and writing them. So the sum over neighbours
is taken of the narrow rows, before the first product, in dense `tiles`, and activations stay in the products'
dtype, while statistics and parameters are float32 or better. Rows are a little wider than the network, to a
multiple of eight numbers, without which a GPU's products take three times as long; into the columns that are
left go the bond counts and a one, so that bonds and bias come through the first product too.

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
from molweight.encoders.row_norm import Moments, Rows, Scales, gradients, moments, normalise
from molweight.encoders.tiles import Adjacency
from molweight.molecules.padding import PaddedBatch
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, BOND_TYPES

aten = torch.ops.aten

COUNTS = (
    BOND_TYPES + BOND_DIRECTIONS + 1
)  # columns that a row has beside the network's: bond counts and a one
ALIGNED = 8  # numbers


def columns_of(width: int) -> int:
    """Columns of a row for a network of this width.

    >>> columns_of(300)
    312
    """
    return -(-(width + COUNTS) // ALIGNED) * ALIGNED


def count_columns(batch: PaddedBatch, dtype: torch.dtype) -> Tensor:
    """Bond counts of each atom and 1, or zeros where an atom is not there: [atoms, 10]."""
    return torch.cat([batch.bond_counts, batch.real[:, None]], dim=1).to(dtype)


def embed(batch: PaddedBatch, atom_table: Tensor, chirality_table: Tensor, dtype: torch.dtype) -> Tensor:
    """Rows of the embedding, zeros in the columns past the width: [atoms, columns].

    A product with one-hot rows, because its gradient is a product too, and no sum in any order.
    """
    tables = torch.cat([atom_table, chirality_table])  # [123, width]
    wide = F.pad(tables, (0, columns_of(tables.shape[1]) - tables.shape[1], 0, -len(tables) % ALIGNED))
    place = torch.stack([batch.atom_type, batch.chirality + ATOM_TYPES], dim=1)
    one_hot = torch.zeros(batch.atoms, len(wide), dtype=dtype, device=place.device).scatter_(1, place, 1.0)
    return one_hot @ wide.to(dtype)


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
        adjacency: Adjacency,
        rows: Rows,
        norm: BatchNorm,
        relu: bool,
    ) -> Tensor:
        """[atoms, columns] to [atoms, columns], in the dtype of h, zeros past the width.

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
            counts: of `count_columns`.
            adjacency: of the batch.
            rows: its atoms.
            norm: whose running statistics move where it tracks them.
            relu: whether a ReLU follows.
        """
        width, columns = len(gamma), h.shape[1]
        summed = adjacency.times(h)
        summed[:, width : width + COUNTS] = counts
        first = _first_weights(tables.to(h.dtype), w1.to(h.dtype), b1.to(h.dtype), columns)
        second = F.pad(w2, (0, 0, 0, columns - width)).to(h.dtype)
        y = (summed @ first.T).relu_()
        z = y @ second.T
        scales = Scales.of(norm, gamma, beta, b2, columns)
        found = moments(z, scales, norm, rows)
        out = normalise(z, found, scales, norm.eps)
        out = out.relu_() if relu else out
        kept = summed, tables, w1, first, second, scales.gamma, found.mean, found.rstd, y, z
        ctx.save_for_backward(*kept, out if relu else None)
        ctx.adjacency, ctx.rows = adjacency, rows
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of h, tables, w1, b1, w2, b2, gamma and beta; that of h means nothing past the width."""
        refuse_second_derivative()
        summed, tables, w1, first, second, gamma, mean, rstd, y, z, out = ctx.saved_tensors
        width = w1.shape[1]
        grad = grad.contiguous() if out is None else aten.threshold_backward(grad.contiguous(), out, 0)
        grad_z, g_gamma, g_beta = gradients(grad, z, Moments(mean, rstd), gamma, ctx.rows)
        grad_y = grad_z @ second
        aten.threshold_backward.grad_input(grad_y, y, 0, grad_input=grad_y)
        g_first = (grad_y.T @ summed).to(w1.dtype)
        g_w1, g_table, g_b1 = g_first[:, : width + COUNTS].split([width, COUNTS - 1, 1], dim=1)
        return (
            ctx.adjacency.times(grad_y @ first),
            g_table.T @ w1,
            torch.addmm(g_w1, g_table, tables),
            g_b1[:, 0],
            (grad_z.T @ y)[:width].to(w1.dtype),
            # normalisation by the batch takes away whatever b₂ adds
            torch.where(ctx.rows.few, gamma * rstd * g_beta, 0.0)[:width],
            g_gamma[:width],
            g_beta[:width],
            *[None] * 5,
        )


def _first_weights(tables: Tensor, w1: Tensor, b1: Tensor, columns: int) -> Tensor:
    """[W₁, W₁·Eᵀ, b₁, 0]: [2 width, columns], for rows of summed neighbours, bond counts and a one."""
    parts = [w1, w1 @ tables.T, b1[:, None]]
    left = columns - sum(part.shape[1] for part in parts)
    return torch.cat([*parts, w1.new_zeros(len(w1), left)], dim=1)
