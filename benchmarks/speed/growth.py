"""How cost grows with the batch and with the number of molecules, and where it stops being linear."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.table import Table

from molweight.benchmarks.speed.corpus import endless, sample, unlabelled
from molweight.benchmarks.speed.growing_steps import Step, finetune_steps, pretrain_steps
from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.molecules.store import build_store, open_store, store_from_smiles
from molweight.reports.pictures import Curve, draw_growth

SIZES = tuple(32 << i for i in range(8))  # molecules to a batch, up to 4096
FIRST = 1_000  # molecules of the smallest store
EPOCH_STEPS = 4  # of an epoch that are timed; all are alike but for where in the store their molecules lie
LINEAR = 0.1  # cost a molecule may rise so far above the least

Seconds = Mapping[int, Sequence[float]]


def growth(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Rows by what grows: cost a molecule by size, and from which size to which it is linear."""
    texts = unlabelled() or setting.data.smiles
    found = {"batch": by_batch(setting, texts, config), "molecules": by_molecules(setting, texts, config)}
    return {axis: {what: summary(took) for what, took in timed.items()} for axis, timed in found.items()}


def by_batch(setting: Setting, texts: Sequence[str], config: SpeedConfig) -> dict[str, Seconds]:
    """Seconds a molecule of a step, its collating with it, by batch size."""
    store = store_from_smiles(sample(texts, max(SIZES), setting.seed))
    steps = {"finetune step": finetune_steps(setting, store), "pretrain step": pretrain_steps(setting, store)}
    sizes = [size for size in SIZES if size <= len(store)]
    for step in steps.values():  # a first round of all sizes would take too long
        step(min(SIZES))
    calls = {(what, size): partial(step, size) for what, step in steps.items() for size in sizes}
    return _timed(calls, {size: size for size in sizes}, config)


def by_molecules(setting: Setting, texts: Sequence[str], config: SpeedConfig) -> dict[str, Seconds]:
    """Seconds a molecule of building a store and of an epoch of fine-tuning, by number of molecules.

    Of an epoch, the shuffle and a few of the steps are timed.
    """
    counts = [FIRST * 10**i for i in range(10) if FIRST * 10**i <= max(config.molecules, FIRST)]
    with TemporaryDirectory() as folder:
        paths = {count: Path(folder) / f"{count}.arrow" for count in counts}
        builds = _timed(
            {("featurise and build", count): partial(_build, texts, count, paths[count]) for count in counts},
            {count: count for count in counts},
            config,
        )
        steps = {count: finetune_steps(setting, open_store(path)) for count, path in paths.items()}
        epochs = _timed(
            {("epoch", count): partial(_part_of_epoch, steps[count], config.batch) for count in counts},
            dict.fromkeys(counts, EPOCH_STEPS * config.batch),
            config,
        )
    shuffles = _timed(
        {("shuffle", count): partial(np.random.default_rng(0).permutation, count) for count in counts},
        {count: count for count in counts},
        config,
    )["shuffle"]
    whole = {n: [a + b for a, b in zip(epochs["epoch"][n], shuffles[n], strict=True)] for n in counts}
    return {**builds, "epoch": whole}


def summary(seconds: Seconds) -> dict[str, Any]:
    """Cost a molecule against that of the cheapest size, round by round, and where it is linear."""
    cheapest = min(seconds, key=lambda size: median(seconds[size]))
    rows: dict[int, Any] = {
        size: {"cost": asdict(ratio(took, seconds[cheapest])), "microseconds": 1e6 * median(took)}
        for size, took in seconds.items()
    }
    return {"rows": rows, "linear": linear_range({size: row["cost"]["lower"] for size, row in rows.items()})}


def linear_range(cost: Mapping[int, float]) -> tuple[int, int]:
    """Smallest and largest size around the cheapest between which a molecule costs at most 10 % more.

    Args:
        cost: by size, the lower quartile, so that a size counts as dearer only where it mostly was.

    >>> linear_range({1: 3.0, 2: 1.05, 4: 1.0, 8: 1.2, 16: 1.0})
    (2, 4)
    """
    sizes = sorted(cost)
    cheap = [cost[size] <= 1 + LINEAR for size in sizes]
    first = last = sizes.index(min(sizes, key=cost.__getitem__))
    while first > 0 and cheap[first - 1]:
        first -= 1
    while last + 1 < len(sizes) and cheap[last + 1]:
        last += 1
    return sizes[first], sizes[last]


def growth_table(result: dict[str, Any]) -> Table:
    """A line for each size."""
    table = Table(title="cost a molecule as things grow", caption=_caption(result))
    for heading in ("what", "size", "cost", "quartiles", "µs"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what, found in _curves(result):
        for size, row in found["rows"].items():
            cost = row["cost"]
            quartiles = f"{cost['lower']:.2f} to {cost['upper']:.2f}"
            table.add_row(what, f"{size}", f"{cost['median']:.2f}", quartiles, f"{row['microseconds']:.1f}")
    return table


def growth_picture(result: dict[str, Any], path: Path) -> None:
    """Cost a molecule against size, as multiples of the cheapest; dots are full where it is linear."""
    panels = {
        label: {
            what: Curve(
                {size: row["cost"]["median"] for size, row in found["rows"].items()}, tuple(found["linear"])
            )
            for what, found in result[axis].items()
        }
        for axis, label in (("batch", "molecules to a batch"), ("molecules", "molecules in the store"))
    }
    draw_growth(panels, 1 + LINEAR, path)


def _caption(result: dict[str, Any]) -> str:
    linear = "; ".join(
        f"{what} {found['linear'][0]} to {found['linear'][1]}" for what, found in _curves(result)
    )
    unless = f"linear but where it was over {LINEAR:.0%} more in three rounds of four"
    return f"cost as a multiple of the cheapest size's; {unless}: {linear}"


def _curves(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [*result["batch"].items(), *result["molecules"].items()]


def _timed(
    calls: Mapping[tuple[str, int], Callable[[], object]], molecules: Mapping[int, int], config: SpeedConfig
) -> dict[str, Seconds]:
    """Seconds a molecule by what is done and by size."""
    labelled = {f"{what}/{size}": call for (what, size), call in calls.items()}
    seconds = time_in_turn(labelled, config.rounds, warmup=0)
    found: dict[str, dict[int, list[float]]] = {}
    for what, size in calls:
        took = seconds[f"{what}/{size}"]
        found.setdefault(what, {})[size] = [one / molecules[size] for one in took]
    return dict(found)


def _build(texts: Sequence[str], count: int, path: Path) -> None:
    build_store(endless(texts, count), path, workers=1)


def _part_of_epoch(step: Step, batch: int) -> None:
    for _ in range(EPOCH_STEPS):
        step(batch)
