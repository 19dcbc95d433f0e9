"""`python -m molweight.benchmarks.speed`: time, print tables, and write them as JSON where asked."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from molweight.benchmarks.speed.hvp import hvp, hvp_table
from molweight.benchmarks.speed.iteration import iteration, iteration_table
from molweight.benchmarks.speed.kernel import kernel, kernel_table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.errors import ConfigError, MolweightError
from molweight.paths import replacing

Measure = Callable[[Setting, SpeedConfig], dict[str, Any]]

TABLES: dict[str, tuple[Measure, Callable[[dict[str, Any]], Table]]] = {
    "iteration": (iteration, iteration_table),
    "hvp": (hvp, hvp_table),
    "kernel": (kernel, kernel_table),
}


def speed(
    tables: Annotated[
        list[str] | None, typer.Argument(help="iteration, hvp, kernel; all by default.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    batch: Annotated[int, typer.Option(help="Molecules to every batch.")] = 256,
    rounds: Annotated[int, typer.Option(help="Timed rounds.")] = 10,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "float32",
) -> None:
    """Time the solver against plain training, betty and finite differences."""
    wanted = tables or list(TABLES)
    if unknown := [name for name in wanted if name not in TABLES]:
        raise ConfigError(f"unknown table {unknown[0]!r}; there are {', '.join(TABLES)}")
    config = SpeedConfig(batch=batch, rounds=rounds, precision=precision)
    setting, console = make_setting(config), Console()
    results = {}
    for name in wanted:
        measured, shown = TABLES[name]
        results[name] = measured(setting, config)
        console.print(shown(results[name]))
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
    """Run, and print a user's mistake as one line."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(speed)
    try:
        app()
    except MolweightError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
