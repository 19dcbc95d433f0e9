"""Dropout whose random numbers are cheap on a CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dropout(h: Tensor, rate: float, training: bool) -> Tensor:
    """Zero each element with probability `rate`, rounded to 1/256, and scale up the others.

    On a CPU torch draws one 64-bit number per element, which costs more than the matrix products of a
    layer; one byte per element is enough. Elsewhere this is torch's own dropout.
    """
    if not training or rate == 0:
        return h
    if h.device.type != "cpu":
        return F.dropout(h, rate, training=True)
    dropped = round(256 * rate)
    words = torch.empty((h.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: h.numel()].view(h.shape) >= dropped
    return (h * kept.to(h.dtype)).mul_(256 / (256 - dropped))  # one dtype: mixed ones take twice as long
