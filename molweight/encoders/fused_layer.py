"""A GIN layer as one autograd function, and folded for inference without gradients, on shared rows.

Both multiply by the first weight matrix before they sum over neighbours, (A·h)·W₁ᵀ = A·(h·W₁ᵀ), because the
layer below has fewer rows that differ. Bond tables and bias go through the same product: with C the bond
counts and a column of ones, the first layer's input is A·(h·W₁ᵀ) + C·[E·W₁ᵀ; b₁].
"""

import math
from typing import Any

import torch
from torch import Tensor

from molweight.encoders.batch_norm import BatchNorm
from molweight.encoders.shared_rows import Incidence, LayerRows

aten = torch.ops.aten


class FusedLayer(torch.autograd.Function):
    """A layer with its gradient: MLP, batch normalisation, and ReLU where asked.

    It cannot be differentiated twice, and says so; the layers' composable form can.
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
        rows: LayerRows,
        norm: BatchNorm,
        relu: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        """[rows below, width] to [rows, width], in `dtype`.

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
            rows: what to compute.
            norm: in training, whose running statistics move where it tracks them; else, whose are used.
            relu: whether a ReLU follows.
            dtype: of the products and of the output; statistics are float32 or better.
        """
        h, w1_cast, w2_cast = h.to(dtype), w1.to(dtype), w2.to(dtype)
        counts = rows.bond_counts.to(dtype)
        y = hidden(h, torch.cat([tables @ w1.T, b1[None]]), w1_cast, rows.neighbours, counts)
        z = torch.addmm(b2.to(dtype), y, w2_cast.T).to(w2.dtype)
        if norm.training:
            mean, variance, atoms = _centre(z, rows.multiplicity)
            if norm.track_running_stats:
                _move_statistics(norm, mean, variance, atoms)
        else:
            variance, atoms = norm.running_var, math.inf  # what is averaged does not depend on z
            z.sub_(norm.running_mean)
        rstd = (variance + norm.eps).rsqrt()
        out = torch.addcmul(beta, z, gamma * rstd)
        out = (out.relu_() if relu else out).to(dtype)
        centred = z.to(dtype)
        kept = h, tables, w1, w1_cast, w2_cast, gamma, rstd, y, centred, out if relu else None, counts
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)
        ctx.rows, ctx.atoms = rows, atoms
        return out

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """Derivative of the output along tangents of h, tables, w1, b1, w2, b2, gamma and beta."""
        h, tables, w1, w1_cast, w2_cast, gamma, rstd, y, centred, out, counts = ctx.saved_tensors
        dtype, rows = h.dtype, ctx.rows
        t_h, t_tables, t_w1, t_b1, t_w2, t_b2, t_gamma, t_beta = tangents[:8]
        t_table = torch.cat([t_tables @ w1.T + tables @ t_w1.T, t_b1[None]]).to(dtype)
        t_p = torch.addmm(t_h.to(dtype) @ w1_cast.T, h, t_w1.to(dtype).T)
        t_y = rows.neighbours.times(t_p).addmm_(counts, t_table)
        aten.threshold_backward.grad_input(t_y, y, 0, grad_input=t_y)
        t_z = torch.addmm(t_b2.to(dtype), t_y, w2_cast.T).addmm_(y, t_w2.to(dtype).T).to(w1.dtype)
        z = centred.to(w1.dtype)
        if ctx.atoms < math.inf:
            t_mean, correlation = _moments(t_z, z, rows.multiplicity)
            t_z.sub_(t_mean).addcmul_(z, -(rstd**2) * correlation)
        t_out = torch.addcmul(t_beta, t_z, gamma * rstd).addcmul_(z, rstd * t_gamma).to(dtype)
        return t_out if out is None else aten.threshold_backward(t_out, out, 0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of h, tables, w1, b1, w2, b2, gamma and beta."""
        refuse_second_derivative()
        h, tables, w1, w1_cast, w2_cast, gamma, rstd, y, centred, out, counts = ctx.saved_tensors
        wide, rows = w1.dtype, ctx.rows
        grad = grad if out is None else aten.threshold_backward(grad, out, 0)
        g_beta = grad.sum(0, dtype=wide)
        g_gamma = rstd * (grad * centred).sum(0, dtype=wide)
        grad_z = _through_normalisation(
            grad, centred, rows.multiplicity, g_beta / ctx.atoms, rstd * g_gamma / ctx.atoms, gamma * rstd
        )
        grad_y = grad_z @ w2_cast
        aten.threshold_backward.grad_input(grad_y, y, 0, grad_input=grad_y)
        grad_table = (counts.T @ grad_y).to(wide)  # of [E·W₁ᵀ; b₁]
        grad_p = rows.neighbours.transposed_times(grad_y)
        g_w1 = (grad_p.T @ h).to(wide).addmm_(grad_table[:-1].T, tables)
        return (
            grad_p @ w1_cast,
            grad_table[:-1] @ w1,
            g_w1,
            grad_table[-1],
            (grad_z.T @ y).to(wide),
            # normalisation by the batch takes away whatever b₂ adds
            grad_z.sum(0, dtype=wide) if ctx.atoms == math.inf else torch.zeros_like(gamma),
            g_gamma,
            g_beta,
            *[None] * 4,
        )


class Spread(torch.autograd.Function):
    """From shared rows to one for each atom; the gradient is summed back."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, incidence: Incidence) -> Tensor:
        """[rows, width] to [atoms, width]."""
        ctx.incidence = incidence
        return h.index_select(0, incidence.column)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        """[rows, width] to [atoms, width]."""
        return tangent.index_select(0, ctx.incidence.column)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """[atoms, width] to [rows, width]."""
        refuse_second_derivative()
        return ctx.incidence.transposed_times(grad.contiguous()), None


def refuse_second_derivative() -> None:
    """Raise where a backward pass is to be differentiated itself.

    Raises:
        RuntimeError: with the remedy.
    """
    # torch's `once_differentiable` refuses too late: `autograd.grad` can pass by it, and return zeros
    if torch.is_grad_enabled():
        raise RuntimeError(
            "the fused layers of a GIN cannot be differentiated twice by create_graph=True; make it a "
            'GIN(kernel="torch") or set its `kernel` to "torch", or use torch.func'
        )


def hidden(h: Tensor, table: Tensor, w1: Tensor, neighbours: Incidence, counts: Tensor) -> Tensor:
    """ReLU of the MLP's first layer on the sum over neighbours and bonds: [rows, 2 width]."""
    return neighbours.times(h @ w1.T).addmm_(counts, table.to(h.dtype)).relu_()


def folded_layer(
    h: Tensor,
    tables: Tensor,
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    norm: BatchNorm,
    rows: LayerRows,
    dtype: torch.dtype,
) -> Tensor:
    """A layer in evaluation mode, batch normalisation folded into the second weight matrix; no gradient.

    Arguments as those of `FusedLayer`.
    """
    table = torch.cat([tables @ w1.T, b1[None]])
    y = hidden(h.to(dtype), table, w1.to(dtype), rows.neighbours, rows.bond_counts.to(dtype))
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    shift = (b2 - norm.running_mean) * scale + norm.bias
    return torch.addmm(shift.to(dtype), y, (w2 * scale[:, None]).to(dtype).T)


def _centre(z: Tensor, multiplicity: Tensor | None) -> tuple[Tensor, Tensor, float]:
    """Centre z in place; returns the mean and the biased variance over atoms, and the number of atoms."""
    if multiplicity is None:
        mean, atoms = z.mean(0), float(len(z))
        return mean, z.sub_(mean).square().mean(0), atoms
    atoms = float(multiplicity.sum())
    share = multiplicity.to(z.dtype) / atoms
    mean = share @ z
    return mean, share @ z.sub_(mean).square(), atoms


def _moments(x: Tensor, z: Tensor, multiplicity: Tensor | None) -> tuple[Tensor, Tensor]:
    """Means over atoms of x and of x·z."""
    if multiplicity is None:
        return x.mean(0), (x * z).mean(0)
    share = multiplicity.to(x.dtype) / multiplicity.sum()
    return share @ x, share @ (x * z)


def _move_statistics(norm: BatchNorm, mean: Tensor, variance: Tensor, atoms: float) -> None:
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (atoms / (atoms - 1)), norm.momentum)


def _through_normalisation(
    grad: Tensor,
    centred: Tensor,
    multiplicity: Tensor | None,
    shift: Tensor,
    slope: Tensor,
    scale: Tensor,
) -> Tensor:
    """scale · (grad − multiplicity · (shift + slope · centred))."""
    dtype = grad.dtype
    found = torch.addcmul((-scale * shift).to(dtype), centred, (-scale * slope).to(dtype))
    if multiplicity is not None:
        found.mul_(multiplicity.to(dtype)[:, None])
    return found.addcmul_(grad, scale.to(dtype))
