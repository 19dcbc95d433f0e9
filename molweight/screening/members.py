"""Members of an ensemble: each a network, trees, or a network with trees, without one of the folds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.store import Store
from molweight.reports.side_by_side import side_by_side
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.consensus import Consensus, Trees, said_by_trees
from molweight.tasks.data import TaskData, TaskKind
from molweight.tasks.finetune import FinetunedModel

FOLDS = 5

Indices = NDArray[np.int64]
Part = FinetunedModel | Trees
Member = Part | Consensus
FitMember = Callable[[Indices, Indices, int], Member]  # train, valid, number of the member


@dataclass(frozen=True)
class CrossFitted:
    """An ensemble, and what each molecule got from the member that never saw it.

    Attributes:
        members: one for each fold.
        folds: int64 [molecules], the fold of each.
        out_of_fold: float32 [molecules, tasks], logits or values.
        second: the same by another member, to which the molecule said only when to stop; NaN where there
            is none, as with trees, which learn from all they are given.
    """

    members: tuple[Member, ...]
    folds: Indices
    out_of_fold: NDArray[np.float32]
    second: NDArray[np.float32]


def outputs(
    member: Member, smiles: Sequence[str], store: Store, molecules: Indices, kind: TaskKind
) -> NDArray[np.float32]:
    """Logits, or values in the units of the labels: float32 [molecules, tasks].

    Args:
        member: what predicts.
        smiles: of all molecules of the store.
        store: their graphs, with what the member reads beside them.
        molecules: positions of those to predict.
        kind: of the tasks.
    """
    if isinstance(member, FinetunedModel):
        return member.predict(store, molecules)
    if isinstance(member, Consensus):
        return member.predict(smiles, store, molecules)
    return said_by_trees(member, smiles, store, molecules, kind)


def head_inputs(members: Iterable[Member]) -> HeadInputs:
    """What a store must carry beside graphs for all of them."""
    read = [_inputs(part) for member in members for part in parts_of(member)]
    return HeadInputs(any(each.descriptors for each in read), any(each.fingerprints for each in read))


def parts_of(member: Member) -> tuple[Part, ...]:
    """What a member is made of, the network first."""
    return (member.network, *member.trees) if isinstance(member, Consensus) else (member,)


def _inputs(part: Part) -> HeadInputs:
    if isinstance(part, RandomForest):
        return HeadInputs(part.described)
    if isinstance(part, Boosting):
        return HeadInputs(descriptors=True)
    return part.problem.inputs


def cross_fit(fit: FitMember, data: TaskData, folds: Indices, seed: int, jobs: int = 1) -> CrossFitted:
    """Fit a member for each fold on the others, and predict the fold with it.

    A part of the others is held out in turn to choose when to stop; the fold itself has no part in it.

    Args:
        fit: from train molecules, validation molecules and a member's number to the member.
        data: all labelled molecules, as the members read them.
        folds: of each.
        seed: of the parts held out.
        jobs: processes; -1 for one on each core.
    """
    count = int(folds.max()) + 1
    asked = [(*_parts(data, folds, fold, seed), fold) for fold in range(count)]
    found = dict(side_by_side(fit, asked, jobs, "members"))
    members = tuple(found[fold] for fold in range(count))
    out_of_fold, second = np.full_like(data.labels, np.nan), np.full_like(data.labels, np.nan)
    for member, (_, held, fold) in zip(members, asked, strict=True):
        own = np.flatnonzero(folds == fold)
        out_of_fold[own] = outputs(member, data.smiles, data.store, own, data.kind)
        if isinstance(member, FinetunedModel):
            second[held] = outputs(member, data.smiles, data.store, held, data.kind)
    return CrossFitted(members, folds, out_of_fold, second)


def _parts(data: TaskData, folds: Indices, fold: int, seed: int) -> tuple[Indices, Indices]:
    """What the member without a fold learns from, and what is held out to choose when to stop."""
    rest = np.flatnonzero(folds != fold)
    held = draw_folds(data.labels[rest], data.kind, 2 * FOLDS - 2, seed + 1 + fold) == 0
    return rest[~held], rest[held]


def draw_folds(labels: NDArray[np.float32], kind: TaskKind, count: int, seed: int) -> Indices:
    """A random fold for each molecule; of one classification task, with an equal share of both classes.

    Args:
        labels: [molecules, tasks].
        kind: of the tasks.
        count: of folds.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    if kind == "classification":
        # dealt out in the order of the rarest combination of labels, so that no fold goes without it
        order = order[np.argsort(_strata(labels)[order], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds


def _strata(labels: NDArray[np.float32]) -> Indices:
    """A number that molecules with the same labels share."""
    values = np.where(np.isnan(labels), 2, labels)
    number: Indices = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return number
