"""From a checkpoint, through continued pretraining on one objective at a time, to curves of its score.

Each of the numbers of unlabelled molecules is gone through in the same number of epochs: that is what one
who has more of them would do, and with none of them nothing is done, so that one curve holds from 0 on.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import product
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

import molweight
from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.store import store_from_smiles
from molweight.objectives import described, graph_objectives
from molweight.reports.weight_evidence import weight_evidence
from molweight.run_folder import RunFolder
from molweight.solver.draws import mixed_seed
from molweight.tasks.data import Corpus, TaskData
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.reweight import reweight
from molweight.transfer.by_parts import Job, do_parts
from molweight.transfer.features import encoder_features
from molweight.transfer.fitting import fit_with_others
from molweight.transfer.folds import Fold
from molweight.transfer.objective_designs import Learned, ObjectivesConfig, ObjectivesRun, Study, corpus
from molweight.transfer.scan import scan_alone
from molweight.transfer.setting import Setting

Array = NDArray[np.float64]

NOTHING = 0.0  # R² of a fold's mean; it has no lower end, and one fold of unlike molecules would decide all
TRIED = 64  # molecules, to foresee what all take
SOLVER = 1.5  # cost of a molecule in a step of the three-level loop, in that of pretraining on it


def run_objectives(study: Study, folds: Sequence[Fold], kept: RunFolder, jobs: int = -1) -> ObjectivesRun:
    """Pretrain, score, fit, and learn weights. Parts that are in the folder already are not done again.

    Args:
        study: molecules and settings.
        folds: of the labelled molecules.
        kept: folder of finished parts, begun by the caller.
        jobs: processes; -1 for one on each core.

    Raises:
        CheckpointError: if there is no such checkpoint.
        DataError: if a kept part is damaged.
        FloatingPointError: if a loss is not finite.
    """
    config, begun = study.config, time.perf_counter()
    parts: list[Job] = [(f"{f}-alone", score_checkpoint, (study, fold)) for f, fold in enumerate(folds)]
    parts += [
        (f"{f}-{name}-{m}-{p}", score_adapted, (study, fold, f, name, m, p))
        for (f, fold), name, m, p in product(enumerate(folds), *_asked(study))
    ]
    found = do_parts(parts, kept, jobs, "pretraining")
    pretrained = time.perf_counter()
    numbers = range(len(folds))
    alone = np.array([found[f"{f}-alone"] for f in numbers])
    adapted = np.array([[found[f"{f}-{n}-{m}-{p}"] for n, m, p in product(*_asked(study))] for f in numbers])
    sizes = [len(each) for each in _asked(study)]  # objectives, molecules, pretrainings
    adapted = adapted.reshape(len(folds), *sizes, -1).transpose(0, 4, 2, 1, 3)
    learned = _learn(study, folds, kept, jobs)
    seconds = {"pretraining": pretrained - begun, "weights": time.perf_counter() - pretrained}
    other = np.array(study.grid.other, np.float64)
    fits = tuple(
        fit_with_others(study.grid, alone, scores, other, config.level)
        for scores in np.moveaxis(adapted.mean(axis=-1), -1, 0)
    )
    return ObjectivesRun(study, alone, adapted, fits, learned, seconds)


def identity(study: Study) -> dict[str, Any]:
    """What a resumed run must agree on."""
    config = asdict(study.config) | {"reweight": str(study.config.reweight)}
    beside = sha256("\n".join(study.asked.unlabelled).encode()).hexdigest()[:12]
    asked = {"data": study.asked.data.digest, "unlabelled": beside}
    return {**asked, **config, "compute": str(study.compute), "version": molweight.__version__}


def foresee(study: Study, folds: Sequence[Fold], jobs: int = -1) -> float:
    """Seconds that a run takes, about: those of each objective on a few molecules, times all of them."""
    config, encoder = study.config, load_encoder(study.config.checkpoint)
    few, a_molecule = corpus(study, folds[0], 0, 0)[:TRIED], 0.0
    for name in config.objectives:
        adapt(encoder, few[: config.batch_size], name, config, study.compute, 0)  # what only the first costs
        begun = time.perf_counter()
        adapt(encoder, few, name, config, study.compute, 0)
        a_molecule += (time.perf_counter() - begun) / (len(few) * config.epochs)
    begun = time.perf_counter()
    score_checkpoint(study, folds[0])
    scoring = (time.perf_counter() - begun) * len(config.objectives) * len(study.grid.other)
    pretraining = a_molecule * config.epochs * sum(study.grid.other)
    batch = min(config.reweight.pretrain_batch, len(folds[0].orders[0]))
    solving = config.weight_runs * config.reweight.loop.steps * SOLVER * batch * a_molecule
    total = len(folds) * config.pretrainings * (pretraining + scoring) + solving
    return total / joblib.effective_n_jobs(jobs)


def adapt(
    encoder: GIN, smiles: Sequence[str], objective: str, config: ObjectivesConfig, compute: Compute, seed: int
) -> GIN:
    """Continue pretraining an encoder on one objective; it is changed in place, and returned.

    Args:
        encoder: to begin with.
        smiles: molecules to go through, a batch of them or more.
        objective: its name.
        config: epochs, batches and learning rate.
        compute: device and precision.
        seed: of the objective's head, batches and random choices.
    """
    torch.manual_seed(seed)
    problem = PretrainProblem(encoder, graph_objectives(encoder.width, (objective,)), compute)
    problem.to(compute.device)
    steps = config.epochs * (len(smiles) // config.batch_size)
    settings = PretrainConfig(steps, config.batch_size, config.lr, seed=seed)
    store = described(store_from_smiles(smiles), smiles, (objective,)).to(compute.device)
    state = PretrainState.start(problem, settings)
    for _ in pretrain(state, store, torch.arange(len(store)), {objective: 1.0}, settings):
        pass
    return problem.encoder


def score_checkpoint(study: Study, fold: Fold) -> Array:
    """Scores at each number of labelled molecules with the checkpoint as it is: [own]."""
    return _score(study, fold, load_encoder(study.config.checkpoint).to(study.compute.device))


def score_adapted(
    study: Study, fold: Fold, number: int, objective: str, molecules: int, pretraining: int
) -> Array:
    """Scores at each number of labelled molecules after continued pretraining: [own].

    Args:
        study: molecules and settings.
        fold: to learn from, and to test on.
        number: of the fold.
        objective: its name.
        molecules: how many to pretrain on; fewer begin more.
        pretraining: which of several.
    """
    config = study.config
    seed = mixed_seed(config.seed, number, pretraining, molecules)
    chosen = corpus(study, fold, number, pretraining)[:molecules]
    encoder = load_encoder(config.checkpoint)
    return _score(study, fold, adapt(encoder, chosen, objective, config, study.compute, seed))


def learn_on_fold(study: Study, fold: Fold, number: int) -> Learned:
    """Objective weights that the three-level solver learns, its third level on the fold's test molecules.

    Args:
        study: molecules and settings.
        fold: to learn from, and to validate on.
        number: of the fold.
    """
    data, config = study.asked.data, study.config
    tasks = TaskData(data.smiles, store_from_smiles(data.smiles), data.labels, data.tasks, data.kind)
    unlabelled = corpus(study, fold, number, 0)[: study.grid.other[-1]]
    found = reweight(
        load_encoder(config.checkpoint),
        tasks,
        np.sort(fold.orders[0]),
        fold.tests[0],
        config.reweight,
        study.compute,
        mixed_seed(config.seed, number),
        lambda width: graph_objectives(width, config.objectives),
        corpus=Corpus(unlabelled, store_from_smiles(unlabelled)),
    )
    cosines = {name: each["cosine"][0] for name, each in weight_evidence([found.history]).items()}
    return Learned(found.weights, cosines)


def _asked(study: Study) -> tuple[Sequence[str], Sequence[int], Sequence[int]]:
    """Objectives, numbers of molecules, and pretrainings."""
    return study.config.objectives, study.grid.other, range(study.config.pretrainings)


def _score(study: Study, fold: Fold, encoder: GIN) -> Array:
    features = encoder_features(study.asked.data.smiles, encoder, fold.orders[0])
    scores = scan_alone(Setting(study.asked.data, features, study.grid), fold)[:, 0]
    return np.maximum(scores, NOTHING)  # NaN stays NaN


def _learn(study: Study, folds: Sequence[Fold], kept: RunFolder, jobs: int) -> tuple[Learned, ...]:
    chosen = [(f, fold) for f, fold in enumerate(folds) if len(fold.tests[0])][: study.config.weight_runs]
    parts: list[Job] = [(f"{f}-weights", learn_on_fold, (study, fold, f)) for f, fold in chosen]
    found = do_parts(parts, kept, jobs, "weights")
    return tuple(Learned(**found[name]) for name, _, _ in parts)
