"""Adam, as a recorded step can use it: on a GPU its learning rate is a tensor there."""

from collections.abc import Iterable

import torch
from torch import Tensor


def adam(parameters: Iterable[Tensor], lr: float, device: torch.device) -> torch.optim.Optimizer:
    """Adam on parameters that lie on this device."""
    if device.type == "cpu":
        return torch.optim.Adam(parameters, lr, fused=True)
    made = torch.optim.Adam(parameters, torch.tensor(lr, device=device), fused=True, capturable=True)
    made._warned_capturable_if_run_uncaptured = True  # the first steps are not
    return made


def set_rate(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Change the learning rate, in place where it is a tensor."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
