"""What each objective costs beside the passes through its networks that it cannot do without."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any, cast

import torch
from rich.table import Table
from torch import Tensor, nn

from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.molecules.batch import GraphBatch
from molweight.objectives import graph_objectives

OBJECTIVE, PASSES = "objective", "passes"


class Watched(nn.Module):
    """A network that keeps what it is shown, and the gradient that comes back to it."""

    def __init__(self, network: nn.Module, seen: list["Pass"]) -> None:
        super().__init__()
        self.network, self.seen = network, seen

    def forward(self, batch: GraphBatch) -> Tensor:
        """What the network makes of the batch."""
        found: Tensor = self.network(batch)
        found.register_hook(lambda gradient: self.seen.append(Pass(self.network, batch.derive(), gradient)))
        return found


class Pass:
    """One forward and backward pass of a network, with nothing before or behind it."""

    def __init__(self, network: nn.Module, batch: GraphBatch, gradient: Tensor) -> None:
        self.network, self.batch, self.gradient = network, batch, gradient.contiguous()

    def __call__(self) -> None:
        """Run it; gradients add up in the parameters."""
        self.network(self.batch).backward(self.gradient)


def objectives(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Rows by objective: its forward and backward pass as a multiple of its networks' on the same batches.

    Those batches, corrupted already and with all that follows from their fields, and the gradients that
    reach the networks are kept from one call of the objective. What is left to it are its random choices,
    the corrupted graphs, its heads and its loss.
    """
    torch.manual_seed(config.seed)
    encoder = copy.deepcopy(setting.encoder).train()
    batch = setting.batches(0).pretrain
    made = graph_objectives(encoder.width).items()
    with setting.compute.autocast():
        return {"rows": {name: measure(objective, encoder, batch, config) for name, objective in made}}


def measure(
    objective: nn.Module, encoder: nn.Module, batch: GraphBatch, config: SpeedConfig
) -> dict[str, Any]:
    """Cost, milliseconds of both, and the atoms that each network sees."""
    passes = watch(objective, encoder, batch, config.seed)
    calls: dict[str, Callable[[], object]] = {
        OBJECTIVE: partial(run, objective, encoder, batch, config.seed),
        PASSES: partial(run_all, passes),
    }
    seconds = time_in_turn(calls, config.rounds, config.warmup)
    return {
        "cost": asdict(ratio(seconds[OBJECTIVE], seconds[PASSES])),
        "atoms": [each.batch.atoms for each in passes],
        **{f"{label}_ms": 1e3 * median(took) for label, took in seconds.items()},
    }


def watch(objective: nn.Module, encoder: nn.Module, batch: GraphBatch, seed: int) -> list[Pass]:
    """The passes of one call, as their gradients come; a network of the objective's own counts too."""
    seen: list[Pass] = []
    watched = copy.copy(objective)
    watched._modules = {
        name: Watched(cast(nn.Module, part), seen) if hasattr(part, "gnn_layers") else part
        for name, part in objective._modules.items()
    }
    run(watched, Watched(encoder, seen), batch, seed)
    return seen


def run(objective: nn.Module, encoder: nn.Module, batch: GraphBatch, seed: int) -> None:
    """Forward and backward pass with the random choices of this seed."""
    objective(encoder, batch, torch.Generator().manual_seed(seed)).backward()


def run_all(passes: Sequence[Pass]) -> None:
    """One after the other."""
    for each in passes:
        each()


def objectives_table(result: dict[str, Any]) -> Table:
    """A line for each objective."""
    table = Table(
        title="objectives, forward and backward",
        caption="cost as a multiple of the passes of its networks alone, on the same corrupted batches",
    )
    for heading in ("objective", "cost", "quartiles", "ms", "passes ms", "atoms"):
        table.add_column(heading, justify="left" if heading == "objective" else "right")
    for name, row in result["rows"].items():
        cost = row["cost"]
        table.add_row(
            name,
            f"{cost['median']:.2f}",
            f"{cost['lower']:.2f} to {cost['upper']:.2f}",
            f"{row['objective_ms']:.0f}",
            f"{row['passes_ms']:.0f}",
            " + ".join(map(str, row["atoms"])),
        )
    return table
