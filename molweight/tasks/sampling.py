"""Which molecules a step sees: a pure function of the step and a seed, so that a run can resume."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def step_batch(molecules: Tensor, batch_size: int, step: int, seed: int) -> Tensor:
    """Molecules of one step: each epoch is a new shuffle cut into batches, the remainder left for others.

    Args:
        molecules: positions to choose from, int64.
        batch_size: molecules to a batch; all of them where there are fewer.
        step: counted from 0 over all epochs.
        seed: of the shuffles.
    """
    if not len(molecules):
        raise ValueError("there are no molecules to make a batch of")
    size = min(batch_size, len(molecules))
    per_epoch = len(molecules) // size
    epoch, place = divmod(step, per_epoch)
    chosen = _shuffle(len(molecules), epoch, seed)[place * size : (place + 1) * size]
    return molecules[torch.from_numpy(chosen).to(molecules.device)]


@lru_cache(maxsize=8)
def _shuffle(count: int, epoch: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)
