"""Seeds of random choices: pure functions of what they are for, so that a run can resume anywhere."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def mixed_seed(*parts: int) -> int:
    """One seed below 2³² out of several integers; neighbouring integers give unrelated seeds.

    torch's generator on a CPU looks at 32 bits of its seed only, so run and step cannot just be added
    or shifted.
    """
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from torch's own generators as seeded here, and leave them as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
