"""Gradients of several losses in one network: their inner products, and a weighted sum to step along."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molweight.solver.curvature import Params
from molweight.solver.steps import encoder_part


def parameters(*modules: nn.Module) -> Params:
    """By name, those of modules that share some under the same name once."""
    return {name: p for module in modules for name, p in module.named_parameters()}


def encoder_rows(found: Mapping[str, Params], params: Params) -> Tensor:
    """Each loss's gradient in the encoder as a row, zeros where it does not reach: [losses, parameters].

    Args:
        found: gradients by loss, those of the encoder below `encoder.`.
        params: of the network.

    Raises:
        ValueError: if a loss has no gradient in the encoder at all.
    """
    inside = encoder_part(params, "of no name")
    return torch.stack([_flat(encoder_part(found[name], name), inside) for name in found])


def set_gradients(params: Params, found: Mapping[str, Params], weights: Mapping[str, float]) -> None:
    """Make the weighted sum of the losses' gradients that of the parameters.

    Args:
        params: those of a network; their gradients are replaced.
        found: gradients by loss, of the parameters that it reaches.
        weights: by loss.
    """
    total = {name: torch.zeros_like(p) for name, p in params.items()}
    for loss, gradient in found.items():
        for name, g in gradient.items():
            total[name].add_(g, alpha=weights[loss])
    for name, p in params.items():
        p.grad = total[name]


def cosines_with(rows: Tensor, direction: Tensor) -> Tensor:
    """Cosine of each row and a direction, 0 where either has no length: float64 [rows] on the CPU.

    Args:
        rows: [rows, parameters].
        direction: [parameters].
    """
    lengths = rows.norm(dim=1).double() * direction.norm().double()
    products = (rows @ direction).double()
    return torch.where(lengths > 0, products / lengths, 0.0).clamp(-1, 1).cpu()


def _flat(gradient: Params, like: Params) -> Tensor:
    parts = [gradient.get(name, torch.zeros_like(p)) for name, p in like.items()]
    return torch.cat([part.detach().reshape(-1) for part in parts])
