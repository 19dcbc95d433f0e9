"""Adam, as a recorded step can use it: on a GPU its learning rate is a tensor there."""

from collections.abc import Iterable

import torch
from torch import Tensor


def adam(parameters: Iterable[Tensor], lr: float, device: torch.device) -> torch.optim.Optimizer:
    """Adam on parameters that lie on this device."""
    if device.type == "cpu":
        return torch.optim.Adam(parameters, lr, fused=True)
    made = torch.optim.Adam(parameters, _on(device, lr), fused=True, capturable=True)
    made._warned_capturable_if_run_uncaptured = True  # the first steps are not
    return made


def add_parameters(
    optimiser: torch.optim.Optimizer, parameters: Iterable[Tensor], lr: float, device: torch.device
) -> None:
    """Let an optimiser change more parameters, at a learning rate of their own."""
    optimiser.add_param_group({"params": list(parameters), "lr": _on(device, lr)})


def _on(device: torch.device, lr: float) -> float | Tensor:
    return lr if device.type == "cpu" else torch.tensor(lr, device=device)


def set_rate(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Change the learning rate, in place where it is a tensor."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
