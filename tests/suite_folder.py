"""A suite's results folder with made-up labels and predictions, for tests of what is told of one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from molweight.benchmarks.outcomes import FOLDER, Outcome, Outcomes, write_array
from molweight.run_folder import write_json
from molweight.solver import StepRecord
from molweight.tasks.metrics import METRICS, score
from molweight.tasks.variants import base_of

OBJECTIVES = ("attribute_masking", "context_prediction")
SETS = {"bbbp": ("roc_auc", 1), "bace": ("roc_auc", 1), "sider": ("roc_auc", 3), "esol": ("rmse", 1)}
NOISE = {  # of predictions: the lower, the better the method
    "rf": 1.6,
    "finetune": 1.5,
    "equal": 1.4,
    "single-attribute-masking": 1.6,
    "single-context-prediction": 1.0,
    "tapweight": 0.5,
}


@dataclass(frozen=True)
class MadeUp:
    """Which cells to make.

    Attributes:
        sets: of `SETS`; more may be asked for than are begun.
        methods: of `NOISE`, or variants of these.
        splits: names.
        seeds: on the first split; three on others.
        molecules: of the test part.
        begun: those of `sets` that have been begun; on other splits than the first, the first of them.
        missing: cells not done, as (set, method, seed).
        failed: error of cells that failed, likewise.
    """

    sets: tuple[str, ...] = tuple(SETS)
    methods: tuple[str, ...] = tuple(NOISE)
    splits: tuple[str, ...] = ("chiral-scaffold", "random-scaffold")
    seeds: int = 4
    molecules: int = 80
    begun: tuple[str, ...] = tuple(SETS)
    missing: Iterable[tuple[str, str, int]] = ()
    failed: Mapping[tuple[str, str, int], str] = field(default_factory=dict)


def make_suite(folder: Path, made: MadeUp = MadeUp()) -> Path:
    """Write the folder: every method ranks or predicts the labels with its own noise."""
    asked = {"data_sets": made.sets, "methods": made.methods, "splits": made.splits, "preset": "quick"}
    asked |= {"objectives": OBJECTIVES, "budget": "quick"}
    write_json(asked, folder / "suite.json")
    for split in made.splits:
        for name in made.begun if split == made.splits[0] else made.begun[:1]:
            _make_set(folder / name / split, name, split, made)
    return folder


def _make_set(folder: Path, name: str, split: str, made: MadeUp) -> None:
    metric, tasks = METRICS[SETS[name][0]], tuple(f"task {i}" for i in range(SETS[name][1]))
    seeds = made.seeds if split == "chiral-scaffold" else 3
    digests = [f"{0 if split == 'chiral-scaffold' else seed:012x}" for seed in range(seeds)]
    sizes = [{"train": 640, "valid": 80, "test": made.molecules}] * seeds
    facts = {"data set": name, "kind": metric.kind, "metric": metric.name, "tasks": tasks, "split": split}
    write_json(facts | {"digests": digests, "sizes": sizes}, folder / "setting.json")
    kept = Outcomes(folder / FOLDER)
    for seed in range(seeds):
        labels = _labels(name, digests[seed], made.molecules)
        write_array(labels, kept.folder / f"labels-{seed}.npy")
        for place, method in enumerate(made.methods):
            if error := made.failed.get((name, method, seed)):
                write_json({"error": error, "seconds": 1.0}, kept.folder / f"{method}-{seed}.failed.json")
            elif (name, method, seed) not in made.missing:
                generator = np.random.default_rng((seed, place, list(SETS).index(name)))
                noise = NOISE[base_of(method)] * generator.normal(size=labels.shape)
                predicted = (np.nan_to_num(labels) + noise).astype(np.float32)
                kept.save(method, seed, _outcome(metric.name, labels, predicted, tasks, method, seed))


def _labels(name: str, digest: str, molecules: int) -> np.ndarray:
    metric, tasks = SETS[name]
    generator = np.random.default_rng((int(digest, 16), list(SETS).index(name)))
    values = generator.normal(size=(molecules, tasks))
    labels = (values > 0.5).astype(np.float32) if metric == "roc_auc" else values.astype(np.float32)
    if tasks > 1:
        labels[generator.random(labels.shape) < 0.2] = np.nan
        labels[:, -1] = np.where(np.isnan(labels[:, -1]), np.nan, 0)  # one class only
    return labels


def _outcome(metric: str, labels, predicted, tasks, method: str, seed: int) -> Outcome:
    kind = METRICS[metric].kind
    scores = {m.name: score(m, labels, predicted, tasks) for m in METRICS.values() if m.kind == kind}
    test, learns = scores.pop(metric), method.startswith("tapweight")
    weights = dict(zip(OBJECTIVES, (0.3 - 0.01 * seed, 0.7 + 0.01 * seed), strict=True))
    return Outcome(
        test,
        {name: each.value for name, each in scores.items()},
        test.value,
        2.0 * (3 if learns else 1),
        weights if learns else None,
        [_record(step, weights, seed) for step in range(5)] if learns else [],
        "cpu, float32",
        predicted,
    )


def _record(step: int, last: dict[str, float], seed: int) -> StepRecord:
    weights = {name: 0.5 + (value - 0.5) * step / 4 for name, value in last.items()}
    cosines = dict(zip(OBJECTIVES, (-0.02, 0.05 + 0.01 * seed), strict=True))
    return StepRecord(step + 1, weights, cosines, cosines, cosines, 0.1, 0.2, {}, {})
