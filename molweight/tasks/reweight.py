"""Learning objective weights on a molecular task: the solver's loop over the molecular problems."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig, LoopState, StepRecord, learn_weights
from molweight.solver.loop import Batches
from molweight.tasks.data import Scaler, TaskData, as_tensor, labelled_batch
from molweight.tasks.problems import FinetuneProblem, PretrainProblem
from molweight.tasks.sampling import step_batch


@dataclass(frozen=True)
class ReweightConfig:
    """Settings of continued pretraining with learned weights.

    Attributes:
        loop: the three-level loop's.
        pretrain_batch: molecules to a step of the pretrain problem.
        finetune_batch: molecules to a step of the finetune problem.
        curvature_batch: molecules to a product with the curvature of the pretrain problem.
        valid_batch: molecules whose loss the reweight problem lowers.
        dropout: of the fine-tuned copy, which the proximal term regularises already.
    """

    loop: LoopConfig
    pretrain_batch: int = 128
    finetune_batch: int = 64
    curvature_batch: int = 64
    valid_batch: int = 256
    dropout: float = 0.0


@dataclass(frozen=True)
class Reweighted:
    """The adapted encoder, the weights it ended with, and a record of each step."""

    encoder: GIN
    weights: dict[str, float]
    history: list[StepRecord] = field(repr=False)


def reweight(
    encoder: GIN,
    data: TaskData,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    config: ReweightConfig,
    compute: Compute,
    seed: int,
    objectives: Callable[[int], nn.ModuleDict] = graph_objectives,
    progress: Callable[[StepRecord], None] = lambda record: None,
) -> Reweighted:
    """Pretrain a copy of the encoder on the train molecules with weights learned from the task.

    Args:
        encoder: left as it is.
        data: labels of molecules outside `train` and `valid` are not read.
        train: molecules of the pretrain and the finetune problem.
        valid: molecules of the reweight problem.
        config: settings.
        compute: device and precision.
        seed: of heads, batches and random choices.
        objectives: from the encoder's width to the objectives, whose names are those of the weights.
        progress: called after each step.

    Raises:
        FloatingPointError: if a loss is not finite.
    """
    torch.manual_seed(seed)
    pretrain = PretrainProblem(copy.deepcopy(encoder), objectives(encoder.width), compute)
    finetune = FinetuneProblem(copy.deepcopy(encoder), len(data.tasks), data.kind, compute)
    nn.init.zeros_(finetune.head.weight)  # its direction is to come from the labels alone
    finetune.encoder.dropout = config.dropout
    state = LoopState.start(pretrain.to(compute.device), finetune.to(compute.device), config.loop, seed)
    history = []
    for record in learn_weights(state, _batches(data, train, valid, config, compute, seed), config.loop):
        history.append(record)
        progress(record)
    return Reweighted(pretrain.encoder, state.weights, history)


def _batches(
    data: TaskData,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    config: ReweightConfig,
    compute: Compute,
    seed: int,
) -> Callable[[int], Batches]:
    store = data.store.to(compute.device)
    scaler = Scaler.of(data.labels[train], data.kind)
    labels = torch.from_numpy(scaler.transform(data.labels)).to(compute.device)
    curved = config.loop.level1 != "identity"
    learn, judge = as_tensor(train, compute.device), as_tensor(valid, compute.device)

    def at(step: int) -> Batches:
        return Batches(
            pretrain=collate(store, step_batch(learn, config.pretrain_batch, step, seed)),
            finetune=labelled_batch(store, labels, step_batch(learn, config.finetune_batch, step, seed + 1)),
            valid=labelled_batch(store, labels, step_batch(judge, config.valid_batch, step, seed + 3)),
            curvature=collate(store, step_batch(learn, config.curvature_batch, step, seed + 2))
            if curved
            else None,
        )

    return at
