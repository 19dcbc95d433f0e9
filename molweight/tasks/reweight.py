"""Learning objective weights on a molecular task: the solver's loop over the molecular problems."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.encoders.batch_norm import synchronised_norms
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.folds import scaffold_parts
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.store import Store
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig, StepRecord
from molweight.solver.loop import Batches
from molweight.solver.ranks import ALONE, Ranks
from molweight.tasks.data import Corpus, Scaler, TaskData, as_tensor, labelled_batch, unlabelled_molecules
from molweight.tasks.head_fitting import fit_heads
from molweight.tasks.learning import learn_on_problems
from molweight.tasks.problems import FinetuneProblem, PretrainProblem, start_at_base_rate
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
        folds: of whole scaffolds into which the train molecules are dealt, each judging in its turn a copy
            fine-tuned without it; with 0 the validation molecules judge one copy fine-tuned on all. A
            validation part that is nearly solved says little about new scaffolds, and one part alone has
            no error bar.
        finetune_dropout: of the fine-tuned copy, which the proximal term regularises already.
        head_steps: in which the objectives' heads are fitted to the encoder before it moves.
        shared_view: let objectives that can be shown one view share it (see `SharedView`).
    """

    loop: LoopConfig
    pretrain_batch: int = 128
    finetune_batch: int = 64
    curvature_batch: int = 64
    valid_batch: int = 256
    finetune_dropout: float = 0.0
    head_steps: int = 0
    shared_view: bool = False
    folds: int = 0

    def __post_init__(self) -> None:
        for name in ("pretrain_batch", "finetune_batch", "curvature_batch", "valid_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.head_steps < 0:
            raise ValueError(f"head_steps must not be negative, got {self.head_steps}")
        if not 0 <= self.finetune_dropout < 1:
            raise ValueError(f"finetune_dropout must be from 0 to below 1, got {self.finetune_dropout}")
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"folds must be 0 or at least 2, got {self.folds}")


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
    snapshot: Path | None = None,
    ranks: Ranks = ALONE,
    corpus: Corpus | None = None,
) -> Reweighted:
    """Pretrain a copy of the encoder on the train molecules with weights learned from the task.

    Args:
        encoder: left as it is.
        data: labels of molecules outside `train` and `valid` are not read. What its store carries
            beside the graphs, the property heads read.
        train: molecules of the pretrain and the finetune problem.
        valid: molecules of the reweight problem; not read where it has folds of `train`.
        config: settings.
        compute: device and precision.
        seed: of heads, batches and random choices.
        objectives: from the encoder's width to the objectives, whose names are those of the weights.
        progress: called after each step.
        snapshot: file that keeps the state while the loop runs, from which the same call goes on where it
            was interrupted, to the same bits; it is left to the caller to remove.
        ranks: those that share each batch. All come to the same weights and the same encoder; rank 0
            writes the snapshot, and all read it.
        corpus: molecules of the pretrain problem, where those of `train` are not to be its only ones.

    Raises:
        FloatingPointError: if a loss is not finite; the last snapshot is kept.
        DataError: if the snapshot is not of this run, or `train` cannot be dealt to folds.
    """
    torch.manual_seed(seed)
    parts = scaffold_parts(data.smiles, train, config.folds, seed) if config.folds else [(train, valid)]
    pretrain = PretrainProblem(copy.deepcopy(encoder), objectives(encoder.width), compute, config.shared_view)
    copies = [_copy(encoder, data, learn, config, compute) for learn, _ in parts]
    shared = f" over {ranks.count} ranks" if ranks.count > 1 else ""
    inputs = HeadInputs.carried_by(data.store)
    reads = f", with {inputs}" if inputs.width else ""
    beside = "" if corpus is None else f", a corpus of {len(corpus)}"
    identity = (
        f"{config} seed {seed}, {len(train)} and {len(valid)} molecules{beside}{reads}, {compute}{shared}"
    )
    graphs, molecules = unlabelled_molecules(data, train, corpus, pretrain.objectives, compute.device)
    batches = _batches(data, train, parts, config, compute, seed, ranks, graphs, molecules)
    fit_heads(pretrain.to(compute.device), graphs, molecules, config.head_steps, config.pretrain_batch, seed)
    with synchronised_norms(pretrain, *copies, active=ranks.count > 1):
        learned = learn_on_problems(
            pretrain, copies, batches, config.loop, seed, identity, progress, snapshot, ranks
        )
    return Reweighted(pretrain.encoder, learned.weights, learned.history)


def _copy(
    encoder: GIN, data: TaskData, learn: NDArray[np.int64], config: ReweightConfig, compute: Compute
) -> FinetuneProblem:
    inputs = HeadInputs.carried_by(data.store)
    problem = FinetuneProblem(copy.deepcopy(encoder), len(data.tasks), data.kind, compute, inputs)
    # neither its direction nor its offset is to come from chance
    start_at_base_rate(problem.head, torch.from_numpy(data.labels[learn]), data.kind)
    problem.fit_scale(data.store, learn)
    problem.encoder.dropout = config.finetune_dropout
    return problem.to(compute.device)


def _batches(
    data: TaskData,
    train: NDArray[np.int64],
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    config: ReweightConfig,
    compute: Compute,
    seed: int,
    ranks: Ranks,
    graphs: Store,
    unlabelled: Tensor,
) -> Callable[[int], Batches]:
    store = data.store.to(compute.device)
    scaler = Scaler.of(data.labels[train], data.kind)
    labels = torch.from_numpy(scaler.transform(data.labels)).to(compute.device)
    curved = config.loop.level1 != "identity"
    each = [tuple(as_tensor(part, compute.device) for part in both) for both in parts]

    def at(step: int) -> Batches:
        turns, fold = divmod(step, len(each))
        learn, judge = each[fold]
        first = step_batch(unlabelled, config.pretrain_batch, step, seed)
        second = step_batch(learn, config.finetune_batch, turns, seed + 1)
        third = step_batch(judge, config.valid_batch, turns, seed + 3)
        curvature = step_batch(unlabelled, config.curvature_batch, step, seed + 2) if curved else None
        return Batches(
            pretrain=collate(graphs, ranks.share(first)),
            finetune=labelled_batch(store, labels, second, ranks),
            valid=labelled_batch(store, labels, third, ranks),
            curvature=None if curvature is None else collate(graphs, ranks.share(curvature)),
        )

    return at
