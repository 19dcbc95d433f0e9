"""`molweight bench --plant`: weights learned beside planted objectives, and how often they find the truth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from molweight.benchmarks.bench import BenchConfig, make_splits
from molweight.benchmarks.loading import data_folders, load_data_set
from molweight.benchmarks.planting import LEAK, NOISE, plant
from molweight.encoders.checkpoints import load_encoder
from molweight.reports.json_file import write_json
from molweight.reports.pictures import draw_weights
from molweight.reports.progress import announce, progress_bar
from molweight.reports.tables import weights_table
from molweight.reports.versions import versions
from molweight.reports.weight_evidence import weight_evidence
from molweight.solver import StepRecord
from molweight.tasks.remarks import format_values
from molweight.tasks.reweight import ReweightConfig, reweight

PLANT_REPORT = "plant.json"
STEPS = 60  # at most: what is planted shows early


@dataclass(frozen=True)
class PlantedRuns:
    """Weights learned beside planted objectives, of each seed: the last ones and the whole history."""

    name: str
    sizes: dict[str, int]
    config: ReweightConfig
    weights: dict[str, list[float]]
    histories: list[list[StepRecord]]

    @property
    def leak_above(self) -> int:
        """Seeds in which the leak ended above an equal share."""
        return sum(weight > 1 / len(self.weights) for weight in self.weights[LEAK])

    @property
    def noise_below(self) -> int:
        """Seeds in which the noise ended below an equal share."""
        return sum(weight < 1 / len(self.weights) for weight in self.weights[NOISE])


def run_planted(name: str, config: BenchConfig, normalise: bool = True) -> PlantedRuns:
    """Learn weights beside planted objectives with every seed, from the molecules outside the test part.

    Args:
        name: data set.
        config: of the benchmark; its methods are not run.
        normalise: bring the objectives to unit gradient; without it, an ablation.

    Raises:
        ConfigError: if an option cannot work.
        DataError: if the data cannot be had.
        CheckpointError: if the checkpoint cannot be had.
    """
    checkpoint = load_encoder(config.checkpoint, data_folders(config.data_dir))
    with progress_bar(f"{name}: featurising") as advance:
        data = load_data_set(name, config.data_dir, lambda done, total: advance(done, total, "")).data
    settings = config.settings.reweight
    steps = min(settings.loop.steps, STEPS)
    settings = replace(settings, loop=replace(settings.loop, normalise=normalise, steps=steps))
    histories, sizes = [], {}
    for seed, split in enumerate(make_splits(data, config)):
        blind, molecules = data.hide_labels(split.test), np.concatenate([split.train, split.valid])
        batch = settings.pretrain_batch
        planted = plant(blind, molecules, batch, config.compute, seed, config.objectives)
        sizes = planted.sizes
        with progress_bar(f"{name}: planted, seed {seed}") as advance:
            found = reweight(
                checkpoint,
                blind,
                planted.train,
                planted.valid,
                settings,
                config.compute,
                seed,
                planted.objectives,
                lambda r: advance(r.step, settings.loop.steps, f"weights {format_values(r.weights, 2)}"),
            )
        announce(f"{name}: planted, seed {seed}: {format_values(found.weights, 2)}")
        histories.append(found.history)
    names = histories[0][-1].weights
    weights = {name: [history[-1].weights[name] for history in histories] for name in names}
    return PlantedRuns(name, sizes, settings, weights, histories)


def write_planted(runs: PlantedRuns, folder: Path) -> dict[str, Any]:
    """Write plant.json and weights.png and return what plant.json holds."""
    content = {
        "dataset": runs.name,
        "sizes": runs.sizes,
        "seeds": list(range(len(runs.histories))),
        "equal_share": 1 / len(runs.weights),
        "leak_above": runs.leak_above,
        "noise_below": runs.noise_below,
        "weights": runs.weights,
        "evidence": weight_evidence(runs.histories),
        "config": asdict(runs.config),
        "versions": versions(),
    }
    trajectories = {n: [[r.weights[n] for r in history] for history in runs.histories] for n in runs.weights}
    draw_weights(trajectories, f"{runs.name}: weights beside planted objectives", folder / "weights.png")
    write_json(content, folder / PLANT_REPORT)
    return content


def print_planted(content: Mapping[str, Any], folder: Path, console: Console) -> None:
    """The table of weights and the two counts."""
    seeds = len(content["seeds"])
    console.print(
        weights_table(
            f"{content['dataset']}: weights beside planted objectives",
            content["weights"],
            content["evidence"],
        )
    )
    console.print(
        f"of {seeds} seeds, the leak ended above an equal share in {content['leak_above']}, "
        f"the noise below in {content['noise_below']}"
    )
    console.print(f"report: {folder / PLANT_REPORT}", soft_wrap=True)
