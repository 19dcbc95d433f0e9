"""Products with second derivatives, and arithmetic on dictionaries of tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import grad, jvp

Params = dict[str, Tensor]


def hessian_vector_product(loss: Callable[[Params], Tensor], params: Params, vector: Params) -> Params:
    """∇²loss(params)·vector, exactly, by forward-mode differentiation of the gradient.

    Args:
        loss: scalar function; must give the same value whenever it is called with the same parameters.
        params: where the Hessian is taken.
        vector: same names and shapes.

    >>> p = {"x": torch.tensor([1.0, 2.0])}
    >>> hessian_vector_product(lambda p: (p["x"] ** 3).sum(), p, {"x": torch.tensor([1.0, 1.0])})["x"]
    tensor([ 6., 12.])
    """
    return jvp(grad(loss), (params,), (vector,))[1]


def dot(a: Params, b: Params) -> Tensor:
    """Inner product over all names, accumulated in at least float32."""
    return torch.stack([(a[name] * b[name]).sum(dtype=_wide(a[name])) for name in a]).sum()


def norm(a: Params) -> Tensor:
    """Euclidean norm over all names."""
    return dot(a, a).sqrt()


def axpy(factor: float, x: Params, y: Params) -> Params:
    """factor·x + y."""
    return {name: torch.add(y[name], x[name], alpha=factor) for name in x}


def scaled(factor: float, x: Params) -> Params:
    """factor·x."""
    return {name: factor * value for name, value in x.items()}


@contextmanager
def frozen_statistics(*modules: nn.Module) -> Iterator[None]:
    """Let batch normalisation use each batch's own statistics without moving its running ones.

    An evaluation for the sake of a hypergradient must leave no trace in the modules.
    """
    norms = [
        m for module in modules for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]
    tracked = [m.track_running_stats for m in norms]
    for m in norms:
        m.track_running_stats = False
    try:
        yield
    finally:
        for m, value in zip(norms, tracked, strict=True):
            m.track_running_stats = value


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
