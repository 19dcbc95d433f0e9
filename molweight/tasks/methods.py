"""Methods that fit a property: each learns from train, chooses by valid, and never sees test."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from molweight.encoders.gin import GIN
from molweight.errors import ConfigError
from molweight.molecules.head_inputs import GRAPH_ALONE, HeadInputs
from molweight.objectives import graph_objectives
from molweight.solver import StepRecord, conjugate_gradient
from molweight.solver.ranks import Ranks
from molweight.tasks.aligned_joint import aligned_joint
from molweight.tasks.baselines import RandomForest, picked
from molweight.tasks.boosting import Boosting
from molweight.tasks.consensus import Trees
from molweight.tasks.continued import at_weights, equal, random_weightings, single
from molweight.tasks.data import TaskData
from molweight.tasks.job import Fitted, Job, Method, Predictions, fine_tuned, judged
from molweight.tasks.probe import probe
from molweight.tasks.remarks import format_values
from molweight.tasks.reweight import Reweighted, reweight
from molweight.tasks.two_level import two_level
from molweight.tasks.variants import AT, CONTINUED, NETWORK, base_of, budget_of, read_settings, varied
from molweight.tasks.weighted import weighted
from molweight.tasks.weightings import cosine, gradnorm, require_torchjd, uncertainty, upgrad

__all__ = [
    "COMPARED_ONLY",
    "METHODS",
    "OF_TREES",
    "Fitted",
    "Job",
    "Method",
    "check_parallel",
    "find_methods",
    "named_methods",
    "trains_network",
]

AnyMethod = TypeVar("AnyMethod")
FOLDS = 5  # of scaffolds, where those of train judge the weights


@dataclass(frozen=True)
class TreeMethod:
    """A method without a network.

    Attributes:
        inputs: what its trees read beside ECFP4.
        fit: from data that carry it, the molecules to learn from and a seed.
    """

    inputs: HeadInputs
    fit: Callable[[TaskData, NDArray[np.int64], int], Trees]


DESCRIBED = HeadInputs(descriptors=True)
OF_TREES = {
    "rf": TreeMethod(GRAPH_ALONE, RandomForest.fit),
    "rf-descriptors": TreeMethod(DESCRIBED, partial(RandomForest.fit, described=True)),
    "gbdt": TreeMethod(DESCRIBED, Boosting.fit),
}


def of_trees(job: Job, trees: TreeMethod) -> Fitted:
    """A random forest or boosted trees, fitted to the train part."""
    data = job.data.for_heads(trees.inputs)
    model = trees.fit(data, job.split.train, job.seed)

    def predict(molecules: NDArray[np.int64]) -> Predictions:
        return model.predict(*picked(data.smiles, data.store, molecules))

    return Fitted(model, predict, judged(job, predict))


def scratch(job: Job) -> Fitted:
    """GIN from random weights."""
    torch.manual_seed(job.seed)
    return fine_tuned(GIN(len(job.checkpoint.gnn_layers), job.checkpoint.width), job)


def finetuned(job: Job) -> Fitted:
    """The checkpoint, fine-tuned."""
    return fine_tuned(job.checkpoint, job)


def tapweight(job: Job, **settings: Any) -> Fitted:
    """Continued pretraining with weights learned from the task, then fine-tuning.

    Args:
        job: what to do.
        settings: of `ReweightConfig` and its loop, where they are not the budget's.
    """
    learned = _learned(job, **settings)
    return fine_tuned(learned.encoder, job, learned.weights, learned.history)


def fixed_learned(job: Job) -> Fitted:
    """Continued pretraining anew, at the weights that `tapweight` ends with, then fine-tuning.

    From the checkpoint in the same steps, at weights that do not move: what these are worth without the path
    that led to them.
    """
    return at_weights(job, _learned(job).weights)


def _learned(job: Job, **settings: Any) -> Reweighted:
    config = varied(job.budget.reweight, settings)

    def show(record: StepRecord) -> None:
        job.advance(record.step, config.loop.steps, f"weights {format_values(record.weights, 2)}")

    return reweight(
        job.checkpoint,
        job.data.for_heads(job.budget.finetune.inputs),  # trees beside the network may read more
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


METHODS: dict[str, Method] = {
    **{name: partial(of_trees, trees=trees) for name, trees in OF_TREES.items()},
    "scratch": scratch,
    "probe": probe,
    "finetune": finetuned,
    "single-attribute-masking": partial(single, objective="attribute_masking"),
    "single-context-prediction": partial(single, objective="context_prediction"),
    "single-contrastive": partial(single, objective="contrastive"),
    "single-edge-prediction": partial(single, objective="edge_prediction"),
    "single-descriptor-prediction": partial(single, objective="descriptor_prediction"),
    "equal": equal,
    "random-1": partial(random_weightings, draws=1),
    "random-20": random_weightings,
    "uncertainty": partial(weighted, rule=uncertainty),
    "gradnorm": partial(weighted, rule=gradnorm),
    "cosine": partial(weighted, rule=cosine, sees_task=True),
    "aligned-joint": aligned_joint,
    "upgrad": partial(weighted, rule=upgrad),
    "fixed-learned": fixed_learned,
    "two-level": two_level,
    "tapweight": tapweight,
    "tapweight-cg": partial(tapweight, level2=conjugate_gradient(5), curvature="gauss_newton"),
    "tapweight-strength": partial(tapweight, parametrisation="strength"),
    "tapweight-folds": partial(tapweight, folds=FOLDS),
}

# for comparison alone: of these there are no trees, and no encoder that has seen no label of the molecules,
# from which the members of an ensemble could be fitted on other parts
COMPARED_ONLY = ("probe", "aligned-joint", "two-level")

LEARNING = (tapweight, fixed_learned)  # weights, by the loop
CONTINUING = (equal, single, random_weightings, weighted)  # pretraining, at weights that are given
TUNING = (scratch, finetuned, aligned_joint, two_level)  # a network, among other things

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
    """The methods of a comma-separated list, some perhaps variants such as tapweight@proximal=10.

    Raises:
        ConfigError: if one does not exist, or needs a package that is not installed, or none is named.
    """
    variants = {name: _variant(name) for name in map(str.strip, names.split(",")) if AT in name}
    found = named_methods(names, METHODS | variants)
    if any(base_of(name) == "upgrad" for name in found):
        require_torchjd()
    return found


def trains_network(name: str) -> bool:
    """Whether a method of that name, perhaps a variant, trains one.

    >>> trains_network("finetune@average=5"), trains_network("rf-descriptors"), trains_network("probe")
    (True, False, False)
    """
    return _reads(METHODS[base_of(name)], "epochs")


def _variant(name: str) -> Method:
    base, _, spelled = name.partition(AT)
    settings, method = read_settings(spelled), named_methods(base, METHODS)[base]
    fixed = method.keywords if isinstance(method, partial) else {}
    if left := [s for s in settings if s in fixed or not _reads(method, s)]:
        raise ConfigError(f"method {base} does not take {', '.join(left)}; leave that out of {name!r}")
    return partial(_under_settings, method=method, name=name)


def _reads(method: Method, setting: str) -> bool:
    """Whether a method does other things under another value."""
    does = getattr(method, "func", method)
    continues = does in CONTINUING and setting in CONTINUED
    tunes = does in (*TUNING, *CONTINUING) and setting in NETWORK
    return does in LEARNING or continues or tunes


def _under_settings(job: Job, method: Method, name: str) -> Fitted:
    return method(replace(job, budget=budget_of(name, job.budget)))


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
