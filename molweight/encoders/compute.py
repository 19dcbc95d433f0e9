"""What the arithmetic runs on: the device, and bfloat16 where it pays."""

import platform
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from molweight.errors import ConfigError


@dataclass(frozen=True)
class Compute:
    """A device and the dtype of its matrix products; parameters and optimisers stay in float32.

    Attributes:
        device: a CPU or a GPU.
        dtype: float32 or bfloat16.
        graphs: whether steps of training are recorded as CUDA graphs and replayed, on a GPU.
    """

    device: torch.device
    dtype: torch.dtype
    graphs: bool = True

    @property
    def replays(self) -> bool:
        """Whether steps of training are to be programs of fixed shape, which can be replayed."""
        return self.graphs and self.device.type == "cuda"

    def autocast(self) -> AbstractContextManager[object]:
        """Run the matrix products inside in this dtype; float32 leaves everything as it is.

        So does `torch.func` on a GPU, where a derivative of a backward pass mixes up dtypes under autocast.
        """
        on_gpu = self.device.type == "cuda"
        if self.dtype == torch.float32 or (on_gpu and torch._C._are_functorch_transforms_active()):
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @property
    def machine(self) -> str:
        """What computes, and in which precision: the name of the GPU or of the processor here."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else _processor()
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"

    def __str__(self) -> str:
        return f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"


def choose_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """The compute to use.

    Args:
        device: auto (a GPU where there is one), cpu or cuda.
        precision: auto (bfloat16 where the processor has instructions for it), float32 or bfloat16.

    Raises:
        ConfigError: if there is no such device or precision.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda, got {device!r}")
    if precision not in ("auto", "float32", "bfloat16"):
        raise ConfigError(f"precision must be auto, float32 or bfloat16, got {precision!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no CUDA device is available to this torch; use --device cpu")
    chosen = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    fast = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(chosen))
    return Compute(chosen, torch.bfloat16 if fast else torch.float32)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 on this device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = _cpuinfo()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def product_dtype(x: Tensor) -> torch.dtype:
    """Dtype of matrix products with x: autocast's where it is on, else that of x."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor itself, or float32 where it is half precision; losses and means are taken in this."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)", _cpuinfo(), re.MULTILINE)
    return found[1] if found else platform.processor() or "cpu"


def _cpuinfo() -> str:
    """What Linux says of its processors; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
