"""Products with second derivatives, and arithmetic on dictionaries of tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import grad, jvp

Params = dict[str, Tensor]


def value_and_gradient(loss: Callable[[Params], Tensor], params: Params) -> tuple[Tensor, Params]:
    """The loss and its gradient by torch's own reverse mode, which lets a module take its fastest form.

    Args:
        loss: scalar function.
        params: where the gradient is taken.

    >>> value_and_gradient(lambda p: (p["x"] ** 2).sum(), {"x": torch.tensor([1.0, 2.0])})
    (tensor(5.), {'x': tensor([2., 4.])})
    """
    leaves, value = _graph(loss, params)
    if not value.requires_grad:
        return value, scaled(0.0, params)
    found = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
    return value.detach(), dict(zip(params, found, strict=True))


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
    return jvp(grad(loss), (params,), (dict(vector),))[1]


@dataclass(frozen=True)
class Composed:
    """A loss of the outputs of a network, apart, so that its curvature can be taken as Gauss-Newton.

    Attributes:
        outputs: parameters to outputs, a tensor of any shape.
        loss: outputs to a scalar; convex for the Gauss-Newton matrix to be positive semidefinite.
    """

    outputs: Callable[[Params], Tensor]
    loss: Callable[[Tensor], Tensor]

    def __call__(self, params: Params) -> Tensor:
        """The loss, a scalar."""
        return self.loss(self.outputs(params))


def gauss_newton(composed: Composed, params: Params) -> Callable[[Params], Params]:
    """The product v -> Jᵀ ∇²loss J·v with J the Jacobian of the outputs (Schraudolph, 2002).

    It leaves out the curvature of the network itself, which on ReLU networks has negative eigenvalues; for
    losses that are convex in the outputs (squared error, cross-entropy) what remains has none. The network
    is evaluated, and its graph kept, at the first product.

    >>> model = Composed(lambda p: torch.sin(p["x"]), lambda y: (y**2).sum())
    >>> gauss_newton(model, {"x": torch.zeros(2)})({"x": torch.tensor([1.0, 2.0])})["x"]
    tensor([2., 4.])
    """
    graph = cache(lambda: _graph(composed.outputs, params))

    def product(vector: Params) -> Params:
        leaves, outputs = graph()
        along = _forward_derivative(composed.outputs, params, vector)
        curved = jvp(grad(composed.loss), (outputs.detach(),), (along,))[1]
        inputs = list(leaves.values())
        found = torch.autograd.grad(outputs, inputs, curved, retain_graph=True, materialize_grads=True)
        return dict(zip(params, found, strict=True))

    return product


def _graph(function: Callable[[Params], Tensor], params: Params) -> tuple[Params, Tensor]:
    with torch.enable_grad():
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        return leaves, function(leaves)


def _forward_derivative(function: Callable[[Params], Tensor], params: Params, vector: Params) -> Tensor:
    # gradients are on, because a module may take a form without derivatives where they are off
    with torch.enable_grad(), forward_ad.dual_level():
        duals = {name: forward_ad.make_dual(p.detach(), vector[name]) for name, p in params.items()}
        return forward_ad.unpack_dual(function(duals)).tangent.detach()


def finite_difference_product(
    loss: Callable[[Params], Tensor], params: Params, vector: Params, step: float
) -> Params:
    """(∇loss(params + step·v) − ∇loss(params − step·v)) / 2 step, which tends to ∇²loss(params)·v.

    An ablation; DARTS (Liu et al., ICLR 2019, section 2.3) and its followers use step = 0.01/‖v‖. Where the
    loss is smooth the error falls with step². On ReLU networks it diverges as the step shrinks: each unit
    that switches between the two points adds its jump of the gradient, divided by the step. It falls again
    only once no unit switches at all, at steps so small that float64 is needed to take them.

    Args:
        loss: as in `hessian_vector_product`.
        params: where the Hessian is taken.
        vector: same names and shapes.
        step: positive.

    >>> p = {"x": torch.tensor([1.0, 2.0])}
    >>> finite_difference_product(lambda p: (p["x"] ** 2).sum(), p, {"x": torch.tensor([1.0, 1.0])}, 0.5)["x"]
    tensor([2., 2.])
    """
    ahead, behind = (grad(loss)(axpy(sign * step, vector, params)) for sign in (1, -1))
    return scaled(1 / (2 * step), axpy(-1.0, behind, ahead))


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
