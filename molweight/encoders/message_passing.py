"""The sum over neighbours, A·h, with a symmetric sparse A: its own backward and its own jvp."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.molecules.batch import GraphBatch
from molweight.molecules.graphs import import_dgl, to_dgl

Kernel = Literal["torch", "dgl"]


def neighbour_sum(h: Tensor, batch: GraphBatch, kernel: Kernel = "torch") -> Tensor:
    """Sum of the rows of h over each atom's neighbours, itself among them.

    Differentiable to any order and under `torch.func`, because A is symmetric: the derivative of A·h
    along t is A·t, and the gradient for g is A·g.

    Args:
        h: [atoms, width], any floating dtype.
        batch: the graphs whose adjacency is used.
        kernel: torch's embedding bag, or DGL's SpMM; under `torch.func` always torch's, because DGL's
            cannot see through the transforms' tensors.

    Returns:
        [atoms, width], dtype of h.
    """
    if kernel == "dgl" and not torch._C._are_functorch_transforms_active():
        return _SymmetricProduct.apply(h, _dgl_adjacency(batch))
    return _SymmetricProduct.apply(h, (batch.neighbour, batch.row_offsets, batch.padding))


class _SymmetricProduct(torch.autograd.Function):
    """A·h for a constant symmetric A; the adjacency is opaque to autograd."""

    @staticmethod
    def forward(h: Tensor, adjacency: Any) -> Tensor:
        if isinstance(adjacency, tuple):
            neighbour, row_offsets, padding = adjacency
            return F.embedding_bag(
                neighbour, h, row_offsets, mode="sum", include_last_offset=True, padding_idx=padding
            )
        return import_dgl().ops.copy_u_sum(adjacency, h)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.adjacency = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _SymmetricProduct.apply(grad.contiguous(), ctx.adjacency), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return _SymmetricProduct.apply(tangent.contiguous(), ctx.adjacency)


def _dgl_adjacency(batch: GraphBatch) -> Any:
    """The batch's DGLGraph, kept with the batch because every layer uses it."""
    graph = vars(batch).get("_dgl")
    if graph is None:
        graph = vars(batch)["_dgl"] = to_dgl(batch)
    return graph
