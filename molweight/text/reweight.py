"""Learning objective weights on a text task: the solver's loop over the text problems."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.encoders.compute import Compute
from molweight.encoders.transformer import TextEncoder, set_dropout
from molweight.objectives import text_objectives
from molweight.solver import LoopConfig, StepRecord
from molweight.solver.loop import Batches
from molweight.tasks.data import as_tensor
from molweight.tasks.learning import learn_on_problems
from molweight.text.data import TextData
from molweight.text.finetune import scaled_labels, text_scaler
from molweight.text.problems import (
    LabelledTexts,
    TextFinetuneProblem,
    TextPretrainProblem,
    labelled_texts,
    start_head,
)
from molweight.tokens.sampling import bucketed_batch
from molweight.tokens.store import TextBatch, TokenStore, collate


@dataclass(frozen=True)
class TextReweightConfig:
    """Settings of continued pretraining, with learned weights or with equal ones.

    Attributes:
        loop: the three-level loop's.
        pretrain_batch: texts to a step of the pretrain problem.
        finetune_batch: texts to a step of the finetune problem.
        curvature_batch: texts to a product with the curvature of the pretrain problem.
        valid_batch: texts whose loss the reweight problem lowers.
        dropout: of the pretrained encoder; contrastive learning lives on it.
        finetune_dropout: of the fine-tuned copy, which the proximal term regularises already.
    """

    loop: LoopConfig
    pretrain_batch: int = 16
    finetune_batch: int = 16
    curvature_batch: int = 8
    valid_batch: int = 32
    dropout: float = 0.1
    finetune_dropout: float = 0.0


@dataclass(frozen=True)
class TextReweighted:
    """The adapted encoder, the weights it ended with, and a record of each step."""

    encoder: TextEncoder
    weights: dict[str, float]
    history: list[StepRecord] = field(repr=False)


def reweight_text(
    encoder: TextEncoder,
    data: TextData,
    store: TokenStore,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    config: TextReweightConfig,
    compute: Compute,
    seed: int,
    objectives: Callable[[TextEncoder], nn.ModuleDict] = text_objectives,
    progress: Callable[[StepRecord], None] = lambda record: None,
    snapshot: Path | None = None,
    corpus: TokenStore | None = None,
) -> TextReweighted:
    """Pretrain a copy of the encoder on unlabelled texts with weights learned from the task.

    Args:
        encoder: left as it is.
        data: labels of texts outside `train` and `valid` are not read.
        store: of the same texts.
        train: texts of the finetune problem.
        valid: texts of the reweight problem.
        config: settings.
        compute: device and precision.
        seed: of heads, batches and random choices.
        objectives: from the encoder to the objectives, whose names are those of the weights.
        progress: called after each step.
        snapshot: file that keeps the state while the loop runs, from which the same call goes on to the
            same bits; it is left to the caller to remove.
        corpus: texts of the pretrain problem; those of `train` where it is None.

    Raises:
        FloatingPointError: if a loss is not finite; the last snapshot is kept.
        DataError: if the snapshot is not of this run.
    """
    torch.manual_seed(seed)
    pretrain = pretrain_problem(encoder, objectives, config.dropout, compute)
    copied = copied_encoder(encoder, config.finetune_dropout)
    finetune = TextFinetuneProblem(copied, data.outputs, data.kind, compute).train()
    scaler = text_scaler(data, train)
    labels = scaled_labels(data, scaler, compute)
    # neither its direction nor its offset is to come from chance
    start_head(finetune.head, labels[as_tensor(train, compute.device)], data.kind)
    batches = _batches(store, labels, train, valid, config, compute, seed, corpus)
    beside = "" if corpus is None else f", a corpus of {len(corpus)}"
    identity = f"{config} seed {seed}, {len(train)} and {len(valid)} texts{beside}, {compute}"
    learned = learn_on_problems(
        pretrain,
        finetune.to(compute.device),
        batches,
        config.loop,
        seed,
        identity,
        progress,
        snapshot,
    )
    return TextReweighted(pretrain.encoder, learned.weights, learned.history)


def pretrain_problem(
    encoder: TextEncoder,
    objectives: Callable[[TextEncoder], nn.ModuleDict],
    dropout: float,
    compute: Compute,
) -> TextPretrainProblem:
    """Level I on a copy of the encoder, ready to be trained."""
    copied = copied_encoder(encoder, dropout)
    return TextPretrainProblem(copied, objectives(copied), compute).to(compute.device).train()


def copied_encoder(encoder: TextEncoder, dropout: float) -> TextEncoder:
    """A copy with this dropout."""
    copied = copy.deepcopy(encoder)
    set_dropout(copied, dropout)
    return copied


def _batches(
    store: TokenStore,
    labels: Tensor,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    config: TextReweightConfig,
    compute: Compute,
    seed: int,
    corpus: TokenStore | None,
) -> Callable[[int], Batches]:
    store = store.to(compute.device)
    learn, judge = as_tensor(train, compute.device), as_tensor(valid, compute.device)
    plain = store if corpus is None else corpus.to(compute.device)
    unlabelled = learn if corpus is None else torch.arange(len(corpus), device=compute.device)
    lengths, plain_lengths = store.lengths, plain.lengths
    curved = config.loop.level1 != "identity"

    def texts(count: int, step: int, own: int) -> TextBatch:
        return collate(plain, bucketed_batch(plain_lengths, unlabelled, count, step, own))

    def labelled(chosen: Tensor, count: int, step: int, own: int) -> LabelledTexts:
        return labelled_texts(store, labels, bucketed_batch(lengths, chosen, count, step, own))

    def at(step: int) -> Batches:
        return Batches(
            pretrain=texts(config.pretrain_batch, step, seed),
            finetune=labelled(learn, config.finetune_batch, step, seed + 1),
            valid=labelled(judge, config.valid_batch, step, seed + 3),
            curvature=texts(config.curvature_batch, step, seed + 2) if curved else None,
        )

    return at
