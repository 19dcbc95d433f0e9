"""`molweight transfer objectives`: from molecules of one target to a folder, told on the way."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from molweight.encoders.checkpoints import find_checkpoint
from molweight.encoders.compute import Compute
from molweight.errors import ConfigError
from molweight.paths import replacing_folder
from molweight.reports.json_file import write_json
from molweight.run_folder import RunFolder
from molweight.screening.adapted_folder import REJECTED_FILE, check_target
from molweight.screening.findings import counted
from molweight.screening.hygiene import write_findings
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.objective_curves import foresee, identity, run_objectives
from molweight.transfer.objective_designs import (
    ALL,
    Asked,
    ObjectivesConfig,
    ObjectivesRun,
    Study,
    make_study,
)
from molweight.transfer.objective_findings import find
from molweight.transfer.objective_page import write_objectives_page
from molweight.transfer.objective_record import as_objectives_record, tell_objectives
from molweight.transfer.run_transfer import LONG, PAGE_FILE, RECORD_FILE


@dataclass(frozen=True)
class ObjectivesFiles:
    """The folder and the way of filling it.

    Attributes:
        out: folder to write.
        jobs: processes, -1 for one on each core.
        yes: go on however long it takes.
        overwrite: replace an earlier result.
        resume: go on with an interrupted run.
    """

    out: Path
    jobs: int = -1
    yes: bool = False
    overwrite: bool = False
    resume: bool = False


def objectives(
    asked: Asked,
    files: ObjectivesFiles,
    config: ObjectivesConfig,
    compute: Compute,
    arguments: Sequence[str],
    console: Console,
) -> ObjectivesRun:
    """Foresee, pretrain, score, fit, learn weights, write, and tell.

    Args:
        asked: molecules.
        files: of the run.
        config: settings.
        compute: device and precision.
        arguments: of the command, for the report.
        console: to print to.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
        FloatingPointError: if a loss is not finite.
    """
    check_target(files.out, files.overwrite)
    find_checkpoint(config.checkpoint)
    data = asked.data
    _tell_data(asked, console)
    folds = make_folds(data, config.fold_kind, config.folds, config.seed)
    study = make_study(asked, config, folds, compute)
    _agree_on_cost(study, folds, files, console)
    kept = RunFolder(files.out.with_name(f"{files.out.name}.unfinished"))
    kept.begin(identity(study), files.resume, files.overwrite)
    run = run_objectives(study, folds, kept, files.jobs)
    command, found = shlex.join(["molweight", *arguments]), find(run)
    with replacing_folder(files.out) as folder:
        write_json(as_objectives_record(run, found, command), folder / RECORD_FILE)
        write_objectives_page(run, found, folder / PAGE_FILE, command)
        if data.set_aside:
            write_findings(data.set_aside, data.source, folder / REJECTED_FILE)
    kept.remove()
    tell_objectives(run, found, console)
    console.print(f"report: {files.out / PAGE_FILE}", soft_wrap=True, highlight=False)
    return run


def parse_molecules(text: str) -> tuple[int | str, ...]:
    """Numbers of molecules of a comma-separated list; "all" stands for all there are.

    Raises:
        ConfigError: if one is neither.

    >>> parse_molecules("200,all")
    (200, 'all')
    """
    found: list[int | str] = []
    for each in (part.strip() for part in text.split(",")):
        if each != ALL and not (each.isascii() and each.isdecimal()):
            raise ConfigError(f"--molecules {text}: {each!r} is neither a whole number nor {ALL}")
        found.append(ALL if each == ALL else int(each))
    return tuple(found)


def _tell_data(asked: Asked, console: Console) -> None:
    data = asked.data
    lines = [
        f"{data.source}, {data.tasks[0]}: {len(data.smiles):,} labelled molecules, "
        f"{len(data.set_aside)} rows set aside, {len(asked.unlabelled):,} unlabelled molecules beside",
        *(f"• {remark}" for remark in (*data.remarks, *asked.remarks)),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _agree_on_cost(study: Study, folds: Sequence[Fold], files: ObjectivesFiles, console: Console) -> None:
    config, seconds = study.config, foresee(study, folds, files.jobs)
    count = len(folds) * len(config.objectives) * len(study.grid.other) * config.pretrainings
    cost = (
        f"{count:,} pretrainings on {', '.join(f'{m:,}' for m in study.grid.other)} molecules and "
        f"{config.weight_runs} runs of the solver take about {counted(max(1, round(seconds / 60)), 'minute')}"
    )
    console.print(cost, highlight=False, soft_wrap=True)
    if seconds > LONG and not files.yes:
        raise ConfigError(f"{cost}; give --yes to go on, or fewer --molecules, --pretrainings or --epochs")
