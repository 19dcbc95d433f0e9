"""Learning objective weights on two problems of any domain: the solver's loop, kept on disk as it goes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import nn

from molweight.errors import DataError
from molweight.solver import LoopConfig, LoopState, StepRecord, learn_weights
from molweight.solver.loop import Batches
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.snapshots import read_about, restore_snapshot, save_snapshot

SNAPSHOT_EVERY = 25  # steps


@dataclass(frozen=True)
class Learned:
    """The weights that learning ended with, and a record of each step."""

    weights: dict[str, float]
    history: list[StepRecord] = field(repr=False)


def learn_on_problems(
    pretrain: nn.Module,
    finetune: nn.Module | Sequence[nn.Module],
    batches: Callable[[int], Batches],
    config: LoopConfig,
    seed: int,
    identity: str,
    progress: Callable[[StepRecord], None] = lambda record: None,
    snapshot: Path | None = None,
    ranks: Ranks = ALONE,
) -> Learned:
    """Run the three-level loop on two problems, from their start or from where it was interrupted.

    Args:
        pretrain: as `LoopState` wants it, on its device; what it learns stays in it.
        finetune: as `LoopState` wants it, with a copy of the same encoder; several where folds take turns.
        batches: from the number of a step to its batches; a pure function.
        config: of the loop.
        seed: of random choices.
        identity: all that decides the numbers, which a resumed run must agree on.
        progress: called after each step.
        snapshot: file that keeps the state while the loop runs, from which the same call goes on to the
            same bits; it is left to the caller to remove.
        ranks: those that share each batch; rank 0 writes the snapshot, and all read it.

    Raises:
        FloatingPointError: if a loss is not finite; the last snapshot is kept.
        DataError: if the snapshot is not of this run.
    """
    state = LoopState.start(pretrain, finetune, config, ranks.seed(seed), ranks.average)
    begun = snapshot is not None and ranks.once(snapshot.exists)
    history = _resume(state, snapshot, identity) if snapshot and begun else []
    for record in learn_weights(state, batches, config):
        history.append(record)
        progress(record)
        if snapshot and ranks.first and state.step % SNAPSHOT_EVERY == 0:
            about = {"identity": identity, "history": [asdict(record) for record in history]}
            save_snapshot(state, snapshot, about)
    return Learned(state.weights, history)


def _resume(state: LoopState, snapshot: Path, identity: str) -> list[StepRecord]:
    about = read_about(snapshot)
    if about["identity"] != identity:
        raise DataError(f"{snapshot}: was begun with other data or settings; delete it to start anew")
    restore_snapshot(state, snapshot)
    return [StepRecord(**record) for record in about["history"]]
