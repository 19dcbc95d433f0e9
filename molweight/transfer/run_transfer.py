"""`molweight transfer`: from a table to a folder, telling what is done on the way."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from molweight.errors import ConfigError
from molweight.paths import replacing_folder
from molweight.reports.json_file import write_json
from molweight.run_folder import RunFolder
from molweight.screening.adapted_folder import REJECTED_FILE, check_target
from molweight.screening.hygiene import write_findings
from molweight.transfer.advice import advise
from molweight.transfer.cost import foresee
from molweight.transfer.data import Reading, TransferData, read_transfer
from molweight.transfer.designs import TransferConfig, TransferRun
from molweight.transfer.engine import identity, run_transfer
from molweight.transfer.page import write_transfer_page
from molweight.transfer.record import as_record
from molweight.transfer.terminal import tell_run

RECORD_FILE = "report.json"
PAGE_FILE = "report.html"
MANY_TASKS = 1_000
LONG = 3_600.0  # seconds


@dataclass(frozen=True)
class TransferFiles:
    """The files and the way of going through them.

    Attributes:
        table: of molecules and tasks.
        reading: how it is read.
        out: folder to write.
        tasks: number of tasks to keep, those of the most labels; all where it is None.
        jobs: processes, -1 for one on each core.
        yes: go on however long it takes.
        overwrite: replace an earlier result.
        resume: go on with an interrupted run.
    """

    table: Path
    reading: Reading
    out: Path
    tasks: int | None = None
    jobs: int = -1
    yes: bool = False
    overwrite: bool = False
    resume: bool = False


def transfer(
    files: TransferFiles, config: TransferConfig, arguments: Sequence[str], console: Console
) -> TransferRun:
    """Read, foresee, scan, fit, confirm, write, and tell.

    Args:
        files: of the run.
        config: settings.
        arguments: of the command, for the report.
        console: to print to.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
        FloatingPointError: if training fails.
    """
    check_target(files.out, files.overwrite)
    if files.tasks is not None and files.tasks < 2:
        raise ConfigError(f"--tasks must be 2 or more, got {files.tasks}")
    data = read_transfer(files.table, files.reading)
    data = data if files.tasks is None else data.best_measured(files.tasks)
    tell_data(data, console)
    _agree_on_cost(data, config, files, console)
    kept = RunFolder(files.out.with_name(f"{files.out.name}.unfinished"))
    kept.begin(identity(data, config), files.resume, files.overwrite)
    run = run_transfer(data, config, kept, files.jobs)
    command, advice = shlex.join(["molweight", *arguments]), advise(run)
    record = as_record(run, advice, command)
    with replacing_folder(files.out) as folder:
        write_json(record, folder / RECORD_FILE)
        write_transfer_page(run, advice, folder / PAGE_FILE, command)
        if data.set_aside:
            write_findings(data.set_aside, data.source, folder / REJECTED_FILE)
    kept.remove()
    tell_run(record, console)
    console.print(f"report: {files.out / PAGE_FILE}", soft_wrap=True, highlight=False)
    return run


def tell_data(data: TransferData, console: Console) -> None:
    """What was read and what was left out, a line each."""
    what = "classes" if data.kind == "classification" else "numbers"
    lines = [
        f"{data.source}: {len(data.smiles):,} molecules, {len(data.tasks)} tasks ({what}), "
        f"{int(data.measured.min()):,} to {int(data.measured.max()):,} labels each; "
        f"{len(data.set_aside)} rows set aside, {len(data.left_out)} columns left out",
        *(f"• {remark}" for remark in data.remarks),
    ]
    lines += [f"• left out: {each.name}: {each.reason}" for each in data.left_out[:5]]
    if len(data.left_out) > 5:
        lines.append(f"• and {len(data.left_out) - 5} more columns, all listed in {RECORD_FILE}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _agree_on_cost(
    data: TransferData, config: TransferConfig, files: TransferFiles, console: Console
) -> None:
    seconds = foresee(data, config, files.jobs)
    pairs = len(data.tasks) * (len(data.tasks) - 1)
    how = "" if config.design == "efficient" else f" in the {config.design} design"
    cost = f"{pairs:,} pairs on {config.folds} folds take about {_duration(seconds)}{how}"
    console.print(cost, highlight=False)
    if (len(data.tasks) > MANY_TASKS or seconds > LONG) and not files.yes:
        raise ConfigError(f"{cost}; give --yes to go on, or fewer tasks with --tasks{_cheaper(config)}")


def _cheaper(config: TransferConfig) -> str:
    return "" if config.design == "efficient" else ", or --design efficient"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
