"""How much of a training step goes to collating its batch."""

from dataclasses import asdict, replace
from statistics import median
from typing import Any

import torch
from rich.table import Table

from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.encoders.compute import Compute, choose_compute
from molweight.tasks.data import LabelledBatch, labelled_batch
from molweight.tasks.sampling import step_batch

BATCHES = (32, 256)
PRECISIONS = ("float32", "bfloat16")


def collating(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Rows by batch size and precision: the share of a step, and milliseconds of both."""
    rows = {}
    for size in BATCHES:
        for precision in PRECISIONS:
            rows[f"{size}, {precision}"] = measure(setting, config, size, choose_compute("cpu", precision))
    return {"rows": rows}


def measure(setting: Setting, config: SpeedConfig, size: int, compute: Compute) -> dict[str, Any]:
    """Collate and train in turn, as fine-tuning does: a step leaves the caches to what comes next."""
    problem = replace(setting, compute=compute).finetune_problem().train()
    optimiser = torch.optim.Adam(problem.parameters(), fused=True)
    store, labels = setting.data.store, torch.from_numpy(setting.data.labels)
    everything = torch.arange(len(store))
    made: list[LabelledBatch] = []

    def gather() -> None:
        molecules = step_batch(everything, size, len(made), setting.seed)
        made.append(labelled_batch(store, labels, molecules))

    def step() -> None:
        optimiser.zero_grad()
        problem.loss(problem(made[-1]), made[-1]).backward()
        optimiser.step()

    gather()
    seconds = time_in_turn({"collate": gather, "step": step}, config.rounds, config.warmup)
    share = ratio(seconds["collate"], seconds["step"])
    return {"share": asdict(share), **{f"{k}_ms": 1e3 * median(v) for k, v in seconds.items()}}


def collating_table(result: dict[str, Any]) -> Table:
    """A line for each batch size and precision."""
    table = Table(title="collating a batch", caption="share of forward, backward and Adam on that batch")
    for heading in ("batch", "share of the step", "quartiles", "collate ms", "step ms"):
        table.add_column(heading, justify="left" if heading == "batch" else "right")
    for label, row in result["rows"].items():
        share = row["share"]
        table.add_row(
            label,
            f"{share['median']:.2%}",
            f"{share['lower']:.2%} to {share['upper']:.2%}",
            f"{row['collate_ms']:.2f}",
            f"{row['step_ms']:.1f}",
        )
    return table
