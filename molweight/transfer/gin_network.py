"""The pretrained GIN, tuned as a whole with one linear head for each task."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import choose_compute
from molweight.molecules.store import Store, store_from_smiles
from molweight.tasks.data import Scaler, TaskKind, as_tensor
from molweight.tasks.finetune import finetuning_step, predict
from molweight.tasks.optimisers import adam
from molweight.tasks.problems import FinetuneProblem
from molweight.tasks.sampling import step_batch
from molweight.transfer.network import Labels, Positions, Stage


@dataclass(frozen=True)
class GinConfig:
    """Settings of tuning; steps are the same however many samples there are.

    On train molecules of two KIBA targets, 128 samples came to a ROC-AUC of 0.71 with 1e-3 and of 0.64 with
    3e-4 after 60 steps, and of 0.69 and 0.67 after 20; the network on fingerprints, to 0.71.

    Attributes:
        steps: of Adam.
        batch_size: molecules to a step.
        lr: learning rate.
        dropout: after each layer of the encoder.
        checkpoint: whose weights it begins with.
        device: auto (a GPU where there is one), cpu or cuda.
    """

    steps: int = 60
    batch_size: int = 32
    lr: float = 1e-3
    dropout: float = 0.2
    checkpoint: str = "molweight_gin"
    device: str = "auto"


def tune_in_stages(
    smiles: tuple[str, ...],
    stages: Sequence[Stage],
    test: Positions,
    kind: TaskKind,
    config: GinConfig,
    seed: int,
) -> list[Labels]:
    """Tune one encoder on one stage after another, and predict after each.

    Args:
        smiles: of all molecules.
        stages: of the same tasks.
        test: molecules to predict, int64 [test].
        kind: of the tasks.
        config: settings; its steps are not read.
        seed: of heads, batches and dropout.

    Returns:
        For each stage scores that rank, or values in units of the labels: [test, tasks].

    Raises:
        CheckpointError: if there is no such checkpoint.
        ConfigError: if there is no such device.
        FloatingPointError: if the loss is not finite.
    """
    compute = replace(choose_compute(config.device), graphs=False)  # too few steps to record one
    store = _store(smiles).to(compute.device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = load_encoder(config.checkpoint)
        encoder.dropout = config.dropout
        problem = FinetuneProblem(encoder, stages[0].labels.shape[1], kind, compute).to(compute.device)
        optimiser = adam(problem.parameters(), config.lr, compute.device)
        return [_tuned(problem, optimiser, store, stage, test, kind, config, seed) for stage in stages]


def _tuned(
    problem: FinetuneProblem,
    optimiser: torch.optim.Optimizer,
    store: Store,
    stage: Stage,
    test: Positions,
    kind: TaskKind,
    config: GinConfig,
    seed: int,
) -> Labels:
    """What the problem predicts once it has had the steps of a stage."""
    scaler = Scaler.of(stage.labels, kind)
    labels = np.full((len(store), stage.labels.shape[1]), np.nan, np.float32)
    labels[stage.molecules] = scaler.transform(stage.labels)
    train = as_tensor(stage.molecules, torch.device("cpu"))
    targets = torch.from_numpy(labels).to(store.device)
    learn = finetuning_step(problem.train(), store, targets, train, optimiser, config.batch_size)
    for step in range(stage.steps):
        loss = learn(step_batch(train, config.batch_size, step, seed))
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss of an encoder is {float(loss)} after {stage.steps} steps")
    return scaler.invert(predict(problem, store, test))


@lru_cache(maxsize=1)
def _store(smiles: tuple[str, ...]) -> Store:
    """Graphs of molecules, made once in a process."""
    return store_from_smiles(smiles)
