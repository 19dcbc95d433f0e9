"""Processes that torchrun started: whether this is one of several, and their process group."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from molweight.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from molweight.solver.ranks import Ranks

TIMEOUT = timedelta(hours=1)  # the others wait while rank 0 featurises
GRACE = 10  # seconds


def launched() -> tuple[int, int]:
    """This process's rank and the number of ranks, from torchrun's environment; 0 and 1 without it."""
    if "RANK" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", "1"))


def refuse_ranks(what: str) -> None:
    """Refuse to do the same work, and write the same files, once for each rank.

    Raises:
        ConfigError: if there are several.
    """
    if launched()[1] > 1:
        raise ConfigError(f"{what} does not run data-parallel; start it without torchrun")


@contextmanager
def first_speaks() -> Iterator[None]:
    """On an error, let rank 0 say why first: torchrun ends the other ranks as soon as it has."""
    try:
        yield
    except Exception:
        if launched()[0] > 0:
            time.sleep(GRACE)
        raise


@contextmanager
def joined_ranks(device: "torch.device") -> Iterator["Ranks"]:
    """Join the ranks of a run, over gloo on CPUs and NCCL on GPUs, one for each; alone without torchrun.

    Raises:
        ConfigError: if this machine has fewer GPUs than ranks.
    """
    import torch
    import torch.distributed as dist

    # torch imports it with the first optimiser step at the latest, and its default arguments are the group of
    # that moment: imported once there is one, they would keep it, and its threads, to the end of the process
    import torch.distributed.nn

    from molweight.solver.ranks import Ranks

    rank, count = launched()
    if count == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        place, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= gpus:
            raise ConfigError(
                f"this machine has {gpus} GPUs, which is fewer than its ranks; take --nproc-per-node {gpus} "
                "or --device cpu"
            )
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    yield Ranks(rank, count)
    # not after an error: the others would report a broken connection before this rank has said why
    dist.destroy_process_group()
