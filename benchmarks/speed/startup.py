"""How soon the program answers: whole processes, beside one that does nothing."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn

UNIT = "python -c pass"
BENCH = "molweight bench freesolv, first line"
WHOLE = {UNIT: ["-c", "pass"]} | {
    f"molweight {arguments}": ["-m", "molweight", *arguments.split()]
    for arguments in ("--help", "bench --help", "pretrain --help")
}


def startup(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Rows by command: seconds, and the multiple of an interpreter that starts and ends.

    Raises:
        RuntimeError: if a command fails or says nothing.
    """
    with TemporaryDirectory() as folder:
        calls: dict[str, Callable[[], object]] = {
            label: partial(run_whole, arguments) for label, arguments in WHOLE.items()
        }
        calls[BENCH] = partial(first_line, ["-m", "molweight", "bench", "freesolv"], folder)
        seconds = time_in_turn(calls, config.rounds, min(config.warmup, 1))
    return {
        "rows": {
            label: {"cost": asdict(ratio(took, seconds[UNIT])), "seconds": median(took)}
            for label, took in seconds.items()
        }
    }


def run_whole(arguments: list[str]) -> None:
    """Wait for a Python process to end.

    Raises:
        RuntimeError: if it fails.
    """
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} failed: {done.stderr.strip()}")


def first_line(arguments: list[str], folder: str) -> str:
    """What a Python process says first; it is stopped then.

    Raises:
        RuntimeError: if it ends without a word.
    """
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        said = process.stdout.readline() if process.stdout else ""
        process.kill()
    if not said.strip():
        raise RuntimeError(f"python {' '.join(arguments)} said nothing")
    return said


def startup_table(result: dict[str, Any]) -> Table:
    """A line for each command."""
    table = Table(title="start-up of whole processes", caption=f"cost as a multiple of {UNIT}")
    for heading in ("command", "seconds", "cost", "quartiles"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    for label, row in result["rows"].items():
        cost = row["cost"]
        table.add_row(
            label,
            f"{row['seconds']:.2f}",
            f"{cost['median']:.1f}",
            f"{cost['lower']:.1f} to {cost['upper']:.1f}",
        )
    return table
