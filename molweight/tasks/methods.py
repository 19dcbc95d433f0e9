"""Methods that fit a property: each learns from train, chooses by valid, and never sees test."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import ConfigError
from molweight.molecules.splits import Split
from molweight.molecules.store import Store
from molweight.objectives import GRAPH_OBJECTIVES, graph_objectives
from molweight.solver import StepRecord, conjugate_gradient
from molweight.solver.ranks import ALONE, Ranks
from molweight.solver.weights import uniform_weights
from molweight.tasks.baselines import RandomForest
from molweight.tasks.budgets import Budget
from molweight.tasks.data import TaskData, as_tensor
from molweight.tasks.finetune import FinetunedModel, FinetuneRecord, finetune
from molweight.tasks.metrics import Metric, score
from molweight.tasks.pretrain import PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.remarks import format_values
from molweight.tasks.reweight import reweight

Predictions = NDArray[np.float32]  # [molecules, tasks]
Advance = Callable[[int, int | None, str], None]
AnyMethod = TypeVar("AnyMethod")
FOLDS = 5  # of scaffolds, where those of train judge the weights


@dataclass(frozen=True)
class Job:
    """One method on one split with one seed; the data come without the labels of the test molecules.

    Attributes:
        checkpoint: the encoder to start from; left as it is.
        objectives: names of those to pretrain on.
        corpus: molecules of continued pretraining; those of the train part where there is none.
        snapshot: file where a method may keep its state while it runs.
        advance: reports progress: steps done, steps in all, a remark.
        ranks: those that share each batch of continued pretraining.
    """

    data: TaskData
    split: Split
    metric: Metric
    budget: Budget
    compute: Compute
    seed: int
    checkpoint: GIN
    objectives: tuple[str, ...] = tuple(GRAPH_OBJECTIVES)
    corpus: Store | None = None
    snapshot: Path | None = None
    advance: Advance = lambda done, total, remark: None
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class Fitted:
    """A fitted method: its model, its validation score, and what it did with objective weights.

    Attributes:
        model: what was fitted.
        encoder: what was fine-tuned, as it was before; None where there is none.
        predict: from positions in the job's data.
        valid: score of the epoch that was chosen.
        weights: of the objectives, where there were any.
        history: of learning them.
    """

    model: FinetunedModel | RandomForest
    predict: Callable[[NDArray[np.int64]], Predictions]
    valid: float
    encoder: GIN | None = None
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)


Method = Callable[[Job], Fitted]


def rf(job: Job) -> Fitted:
    """Random forest on ECFP4."""
    forest = RandomForest.fit(job.data, job.split.train, job.seed)

    def predict(molecules: NDArray[np.int64]) -> Predictions:
        return forest.predict([job.data.smiles[i] for i in molecules])

    valid = job.split.valid
    reached = score(job.metric, job.data.labels[valid], predict(valid), job.data.tasks)
    return Fitted(forest, predict, reached.value)


def scratch(job: Job) -> Fitted:
    """GIN from random weights."""
    torch.manual_seed(job.seed)
    return _finetuned(GIN(len(job.checkpoint.gnn_layers), job.checkpoint.width), job)


def finetuned(job: Job) -> Fitted:
    """The checkpoint, fine-tuned."""
    return _finetuned(job.checkpoint, job)


def equal(job: Job) -> Fitted:
    """Continued pretraining on the train molecules with equal weights, then fine-tuning."""
    torch.manual_seed(job.seed)
    encoder = copy.deepcopy(job.checkpoint)
    objectives = graph_objectives(encoder.width, job.objectives)
    problem = PretrainProblem(encoder, objectives, job.compute, job.budget.reweight.shared_view)
    problem.to(job.compute.device)
    config = job.budget.continued_pretraining(job.seed)
    weights = uniform_weights(list(problem.objectives))
    state = PretrainState.start(problem, config)
    store = (job.data.store if job.corpus is None else job.corpus).to(job.compute.device)
    molecules = job.split.train if job.corpus is None else np.arange(len(job.corpus))
    chosen = as_tensor(molecules, job.compute.device)
    for losses in pretrain(state, store, chosen, weights, config, job.ranks):
        job.advance(state.step, config.steps, format_values(losses, 2))
    return _finetuned(encoder, job, weights)


def tapweight(job: Job, folds: int = 0, **settings: Any) -> Fitted:
    """Continued pretraining with weights learned from the task, then fine-tuning.

    Args:
        job: what to do.
        folds: of scaffolds of train that judge the weights, instead of the validation molecules.
        settings: of the three-level loop, where they are not the budget's.
    """
    loop = replace(job.budget.reweight.loop, **settings)
    config = replace(job.budget.reweight, loop=loop, folds=folds)

    def show(record: StepRecord) -> None:
        job.advance(record.step, config.loop.steps, f"weights {format_values(record.weights, 2)}")

    learned = reweight(
        job.checkpoint,
        job.data,
        job.split.train,
        job.split.valid,
        config,
        job.compute,
        job.seed,
        lambda width: graph_objectives(width, job.objectives),
        show,
        job.snapshot,
        job.ranks,
        job.corpus,
    )
    return _finetuned(learned.encoder, job, learned.weights, learned.history)


METHODS: dict[str, Method] = {
    "rf": rf,
    "scratch": scratch,
    "finetune": finetuned,
    "equal": equal,
    "tapweight": tapweight,
    "tapweight-cg": partial(tapweight, level2=conjugate_gradient(5), curvature="gauss_newton"),
    "tapweight-strength": partial(tapweight, parametrisation="strength"),
    "tapweight-folds": partial(tapweight, folds=FOLDS),
}


PARALLEL = ("equal", "tapweight")  # whose pretraining several ranks can share


def check_parallel(methods: Iterable[str], ranks: Ranks) -> None:
    """Refuse methods that several ranks would only repeat.

    Raises:
        ConfigError: if there are some.
    """
    alone = [name for name in methods if name not in PARALLEL]
    if ranks.count > 1 and alone:
        raise ConfigError(
            f"{', '.join(alone)} cannot run data-parallel; give --methods {','.join(PARALLEL)}, or start "
            "without torchrun"
        )


def find_methods(names: str) -> dict[str, Method]:
    """The methods of a comma-separated list.

    Raises:
        ConfigError: if one does not exist, or none is named.
    """
    return named_methods(names, METHODS)


def named_methods(names: str, known: Mapping[str, AnyMethod]) -> dict[str, AnyMethod]:
    """Those of a comma-separated list, of any domain's.

    Raises:
        ConfigError: if one does not exist, or none is named.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise ConfigError(f"unknown method {', '.join(unknown) or names!r}; there are {', '.join(known)}")
    return {name: known[name] for name in wanted}


def _finetuned(
    encoder: GIN,
    job: Job,
    weights: dict[str, float] | None = None,
    history: list[StepRecord] | None = None,
) -> Fitted:
    config = job.budget.finetune

    def show(record: FinetuneRecord) -> None:
        remark = f"loss {record.loss:.3f}, valid {job.metric.name} {record.valid:.3f}"
        job.advance(record.epoch + 1, config.epochs, remark)

    model = finetune(
        encoder,
        job.data,
        job.split.train,
        job.split.valid,
        job.metric,
        config,
        job.compute,
        job.seed,
        progress=show,
    )

    def predict(molecules: NDArray[np.int64]) -> Predictions:
        return model.predict(job.data.store, molecules)

    return Fitted(model, predict, model.valid, encoder, weights, history or [])
