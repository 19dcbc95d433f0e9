"""Fine-tuning, epoch by epoch, until validation stops it; the best epoch is kept."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from molweight.errors import DataError


@dataclass(frozen=True)
class FinetuneRecord:
    """One epoch: mean train loss, and the validation score."""

    epoch: int
    loss: float
    valid: float

    def remark(self, metric: str) -> str:
        """What is shown of it, by the name of the validation score."""
        return f"loss {self.loss:.3f}, valid {metric} {self.valid:.3f}"


def keep_best_epoch(
    problem: nn.Module,
    losses: Iterator[float],
    valid_score: Callable[[], float],
    metric: str,
    judges: str,
    higher_is_better: bool,
    patience: int,
    progress: Callable[[FinetuneRecord], None],
    average: int = 1,
) -> float:
    """Train until the validation score has not been better for some epochs.

    Args:
        problem: what is trained; left at its best epoch, in evaluation mode.
        losses: mean train loss of each epoch, which is trained when it is asked for.
        valid_score: of the problem as it is.
        metric: the name of that score.
        judges: what it is computed on, for an error.
        higher_is_better: of it.
        patience: epochs without a better score before stopping.
        progress: called after each epoch.
        average: epochs, up to the one that is judged, over whose ends weights are averaged (Izmailov et al.,
            UAI 2018, at a constant rate); training goes on from weights that are not.

    Returns:
        The best validation score.

    Raises:
        DataError: if the score cannot be computed.
    """
    best, best_state, waited = float("nan"), copy.deepcopy(problem.state_dict()), 0
    ends: deque[dict[str, Tensor]] = deque(maxlen=average)
    for epoch, loss in enumerate(losses):
        ends.append(copy.deepcopy(problem.state_dict()))
        judged = mean_state(ends)
        problem.load_state_dict(judged)
        reached = valid_score()
        if np.isnan(reached):
            raise DataError(
                f"{metric} cannot be computed on {judges}: no epoch can be chosen; validate on others"
            )
        progress(FinetuneRecord(epoch, loss, reached))
        waited += 1
        if np.isnan(best) or (reached > best if higher_is_better else reached < best):
            best, best_state, waited = reached, judged, 0
        problem.load_state_dict(ends[-1])
        if waited >= patience:
            break
    problem.load_state_dict(best_state)
    problem.eval()
    return best


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Means of weights and running statistics by name; of what is counted, the last."""
    last = states[-1]
    if len(states) == 1:
        return dict(last)
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in last.items()
    }
