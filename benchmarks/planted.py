"""`molweight bench --plant`: weights learned beside planted objectives, and how often they find the truth."""

from dataclasses import replace

import numpy as np

from molweight.benchmarks.bench import BenchConfig, make_splits
from molweight.benchmarks.loading import data_folders, load_data_set
from molweight.benchmarks.planted_report import PlantedRuns
from molweight.benchmarks.planting import plant
from molweight.encoders.checkpoints import load_encoder
from molweight.reports.progress import announce, progress_bar
from molweight.tasks.remarks import format_values
from molweight.tasks.reweight import reweight

STEPS = 60  # at most: what is planted shows early


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
    for seed, split in enumerate(make_splits(data, config.split, config.seeds)):
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
    return PlantedRuns(name, sizes, settings, histories)
