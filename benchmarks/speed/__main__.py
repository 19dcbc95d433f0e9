"""`python -m molweight.benchmarks.speed`: time, print tables, and write them as JSON where asked."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from molweight.benchmarks.program import run_program
from molweight.benchmarks.speed.building import building, building_table
from molweight.benchmarks.speed.collating import collating, collating_table
from molweight.benchmarks.speed.end_to_end import end_to_end, end_to_end_table
from molweight.benchmarks.speed.featurising import featurise, featurise_table
from molweight.benchmarks.speed.gpu import gpu, gpu_table
from molweight.benchmarks.speed.growth import growth, growth_picture, growth_table
from molweight.benchmarks.speed.hvp import hvp, hvp_table
from molweight.benchmarks.speed.iteration import iteration, iteration_table
from molweight.benchmarks.speed.kernel import kernel, kernel_table
from molweight.benchmarks.speed.objectives import objectives, objectives_table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.benchmarks.speed.startup import startup, startup_table
from molweight.benchmarks.speed.text import text, text_table
from molweight.errors import ConfigError
from molweight.paths import replacing

Measure = Callable[[Setting, SpeedConfig], dict[str, Any]]

TABLES: dict[str, tuple[Measure, Callable[[dict[str, Any]], Table]]] = {
    "iteration": (iteration, iteration_table),
    "hvp": (hvp, hvp_table),
    "featurise": (featurise, featurise_table),
    "build": (building, building_table),
    "collate": (collating, collating_table),
    "kernel": (kernel, kernel_table),
    "gpu": (gpu, gpu_table),
    "objectives": (objectives, objectives_table),
    "startup": (startup, startup_table),
    "bench": (end_to_end, end_to_end_table),
    "growth": (growth, growth_table),
    "text": (text, text_table),
}
TABLE_NAMES = ", ".join(TABLES)


def speed(
    tables: Annotated[
        list[str] | None, typer.Argument(help=f"{TABLE_NAMES}; by default all there are.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of the growth; beside --json where that is given alone.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Molecules to every batch.")] = 256,
    rounds: Annotated[int, typer.Option(help="Timed rounds.")] = 10,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "float32",
    molecules: Annotated[int, typer.Option(help="Molecules of the largest store.")] = 100_000,
    epochs: Annotated[int, typer.Option(help="Epochs in a timed share of a benchmark run.")] = 1,
    iterations: Annotated[int, typer.Option(help="Iterations of weight learning in one.")] = 2,
    texts: Annotated[int, typer.Option(help="Texts to every batch of the table of texts.")] = 16,
) -> None:
    """Time the solver, and the way from SMILES to batches, against what else does the same."""
    there = {"gpu": torch.cuda.is_available(), "text": find_spec("transformers") is not None}
    wanted = tables or [name for name in TABLES if there.get(name, True)]
    if unknown := [name for name in wanted if name not in TABLES]:
        raise ConfigError(f"unknown table {unknown[0]!r}; there are {TABLE_NAMES}")
    config = SpeedConfig(
        batch=batch,
        rounds=rounds,
        precision=precision,
        molecules=molecules,
        epochs=epochs,
        iterations=iterations,
        texts=texts,
    )
    setting, console = make_setting(config), Console()
    results = {}
    for name in wanted:
        measured, shown = TABLES[name]
        results[name] = measured(setting, config)
        console.print(shown(results[name]))
    if (png := picture or (json_file and json_file.with_suffix(".png"))) and "growth" in results:
        growth_picture(results["growth"], png)
    if json_file:
        content = {"config": asdict(config), "machine": machine(), **results}
        with replacing(json_file) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
    }


def main() -> None:
    """The program."""
    run_program(speed)


if __name__ == "__main__":
    main()
