"""Which texts a step sees, those of like length together; pure functions, so that a run can resume."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

POOL = 32  # batches that are sorted by length together: enough to save padding, too few to order an epoch
POOLS = 4  # at least so many to an epoch, or texts would meet the same ones in each


def bucketed_batch(lengths: Tensor, chosen: Tensor, batch_size: int, step: int, seed: int) -> Tensor:
    """Texts of one step, int64: positions among `chosen`'s values whose lengths are close.

    Each epoch is a new shuffle cut into pools of 32 batches, or of a quarter of them where there are few. A
    pool is sorted by length and cut into batches, and the batches of all pools are shuffled. The remainder
    is left for other epochs.

    Args:
        lengths: of all texts in tokens, int64 [texts].
        chosen: positions to choose from, int64, on the device of the lengths.
        batch_size: texts to a batch; all of them where there are fewer.
        step: counted from 0 over all epochs.
        seed: of the shuffles.

    Raises:
        ValueError: if there is nothing to choose from.
    """
    if not len(chosen):
        raise ValueError("there are no texts to make a batch of")
    size = min(batch_size, len(chosen))
    batches = len(chosen) // size
    epoch, place = divmod(step, batches)
    pooled = max(1, min(POOL, batches // POOLS))
    pool, number = divmod(int(_shuffle(batches, epoch, seed, 1)[place]), pooled)
    start, stop = pool * pooled * size, min((pool + 1) * pooled, batches) * size
    members = chosen[torch.from_numpy(_shuffle(len(chosen), epoch, seed, 0)[start:stop]).to(chosen.device)]
    return members[lengths[members].argsort(stable=True)][number * size : (number + 1) * size]


def by_length(lengths: Tensor, chosen: Tensor, batch_size: int) -> list[Tensor]:
    """All chosen texts in batches of ascending length, for predicting with little padding.

    Args:
        lengths: of all texts in tokens, int64 [texts].
        chosen: positions, int64, on the device of the lengths; the order of the result is another.
        batch_size: texts to a batch; the last may have fewer.
    """
    return list(chosen[lengths[chosen].argsort(stable=True)].split(batch_size)) if len(chosen) else []


@lru_cache(maxsize=8)
def _shuffle(count: int, epoch: int, seed: int, purpose: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch, purpose)).permutation(count)
