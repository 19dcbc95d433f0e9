"""A step of level I that waits for no value, so that a GPU can record it and replay it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from molweight.solver.curvature import Params
from molweight.solver.steps import check_scalar, encoder_part, gradients
from molweight.solver.weights import scale_after


def device_step(
    losses: Mapping[str, Tensor],
    params: Params,
    optimiser: torch.optim.Optimizer,
    weights: Tensor,
    norms: Tensor,
    normalise: bool,
) -> Tensor:
    """What `pretrain_step` does on the losses of its problem, and the numbers that it would have reported.

    Where a loss is not finite neither the parameters nor the optimiser change: the caller finds out later.

    Args:
        losses: of each objective, with their graphs.
        params: of the problem, those of the encoder below `encoder.`.
        optimiser: of all of them, a fused one.
        weights: λ, float64 [objectives].
        norms: running norm of each objective's gradient, NaN where there is none yet, float64 [objectives].
        normalise: whether losses are divided by their running norm.

    Returns:
        Losses and norms of the gradients in the encoder, float64 [2, objectives].

    Raises:
        ValueError: if an objective returns something else than a scalar, or does not use the encoder.
    """
    for name, loss in losses.items():
        check_scalar(loss, f"objective {name}")
    values = torch.stack([loss.detach().double() for loss in losses.values()])
    total = {name: torch.empty_like(p) for name, p in params.items()}
    torch._foreach_zero_(list(total.values()))
    found = []
    for number, (name, loss) in enumerate(losses.items()):
        each = gradients(loss, params)
        lengths = torch._foreach_norm(list(encoder_part(each, name).values()))
        found.append(torch.stack(lengths).double().norm())
        scale = scale_after(norms[number], found[-1]) if normalise else 1.0
        share = (weights[number] / scale).to(lengths[0].dtype)
        torch._foreach_add_([total[p] for p in each], torch._foreach_mul(list(each.values()), share))
    for name, param in params.items():
        param.grad = total[name]
    optimiser.found_inf = (~values.isfinite().all()).float()  # type: ignore[attr-defined]  # GradScaler's way
    optimiser.step()
    del optimiser.found_inf  # type: ignore[attr-defined]
    return torch.stack([values, torch.stack(found)])
