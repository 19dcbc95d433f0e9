"""Data-parallel runs: what each process takes of a batch, and the averages that keep all of them alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from molweight.solver.curvature import Params
from molweight.solver.draws import mixed_seed

Average = Callable[[Params], Params]
T = TypeVar("T")


def alone(values: Params) -> Params:
    """The average over one process: the values themselves."""
    return values


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that share a run.

    Where there are more than one, each must make the same calls in the same order.

    Attributes:
        rank: from 0; rank 0 writes the files and shows the progress.
        count: of processes.

    >>> Ranks(1, 2).share(torch.arange(5))
    tensor([1, 3])
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process does what must be done once."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """Every n-th of the rows [rows, ...]; the shares of all ranks differ in size by one at most.

        Raises:
            ValueError: if there are fewer rows than ranks.
        """
        if len(rows) < self.count:
            raise ValueError(
                f"a batch of {len(rows)} cannot be shared by {self.count} ranks; take larger batches or "
                "fewer ranks"
            )
        return rows[self.rank :: self.count] if self.count > 1 else rows

    def seed(self, seed: int) -> int:
        """The seed itself on rank 0, unrelated ones on the others: no two ranks make the same choices."""
        return seed if self.first else mixed_seed(seed, self.rank)

    def average(self, values: Params) -> Params:
        """The mean over ranks of each tensor, the same bits on all of them, by one exchange.

        Args:
            values: by name, the same names and shapes on every rank.
        """
        if self.count == 1 or not values:
            return values
        flat = torch.cat([value.detach().reshape(-1) for value in values.values()])
        dist.all_reduce(flat)
        parts = (flat / self.count).split([value.numel() for value in values.values()])
        named = zip(values.items(), parts, strict=True)
        return {name: part.view(value.shape).to(value.dtype) for (name, value), part in named}

    def once(self, work: Callable[[], T]) -> T:
        """Do work on rank 0, and have what came of it on every rank; it is pickled on its way."""
        if self.count == 1:
            return work()
        found = [work() if self.first else None]
        dist.broadcast_object_list(found)
        return found[0]  # type: ignore[return-value]  # rank 0's

    def first_then_others(self, work: Callable[[], T]) -> T:
        """Do work on rank 0 and then on the others, which find in a cache what it left there."""
        if self.count == 1:
            return work()
        found = [work()] if self.first else []
        dist.barrier()
        return found[0] if found else work()


ALONE = Ranks()
