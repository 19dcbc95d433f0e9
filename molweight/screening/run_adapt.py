"""`molweight adapt`: from a table to a model folder, telling what is done on the way."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import molweight
from molweight.molecules.tables import open_molecules
from molweight.reports.side_by_side import process_facts
from molweight.reports.tables import scores_table
from molweight.reports.words import label
from molweight.screening.adapt import AdaptConfig, adapt
from molweight.screening.adapted_folder import REJECTED_FILE, REPORT_FILE, check_target, write_adapted
from molweight.screening.targets import Censored, Kind
from molweight.screening.training_set import TrainingSet, load_training
from molweight.screening.trials import Trials


@dataclass(frozen=True)
class AdaptRun:
    """The files and the reading of them.

    Attributes:
        table: of measured molecules.
        targets: columns of labels.
        out: folder to write.
        smiles_column: found where it is None.
        kind: auto, classification or regression.
        unlabelled: files of further SMILES.
        censored: missing or bound.
        largest_fragment: keep the largest part of salts and mixtures.
        overwrite: replace an earlier model.
        resume: go on with an interrupted run.
    """

    table: Path
    targets: tuple[str, ...]
    out: Path
    smiles_column: str | None = None
    kind: Kind = "auto"
    unlabelled: tuple[Path, ...] = ()
    censored: Censored = "missing"
    largest_fragment: bool = False
    overwrite: bool = False
    resume: bool = False

    @property
    def unfinished(self) -> Path:
        """Where finished trials lie until there is a model."""
        return self.out.with_name(f"{self.out.name}.unfinished")


def run_adapt(run: AdaptRun, config: AdaptConfig, arguments: Sequence[str], console: Console) -> None:
    """Read, clean, try, choose, fit, write, and tell.

    Args:
        run: files.
        config: of adapting.
        arguments: of the command, for the report.
        console: to print to.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
        FloatingPointError: if training fails.
    """
    check_target(run.out, run.overwrite)
    training = load_training(
        run.table,
        run.targets,
        run.kind,
        run.smiles_column,
        run.censored,
        run.largest_fragment,
    )
    tell_findings(training, console)
    unlabelled = [text for path in run.unlabelled for chunk in open_molecules(path) for text in chunk.smiles]
    kept = Trials(run.unfinished)
    kept.begin(_identity(training, config, unlabelled), run.resume, run.overwrite)
    adapted = adapt(training, config, kept, unlabelled)
    metrics = write_adapted(adapted, run.out, shlex.join(["molweight", *arguments]))
    kept.remove()
    tell_result(metrics, training, run.out, console)


def tell_findings(training: TrainingSet, console: Console) -> None:
    """What was found in the data, a line each."""
    data = training.data
    console.print(
        f"{training.source}: {len(data.smiles)} molecules, {len(data.tasks)} task(s), "
        f"{len(training.set_aside)} rows set aside"
    )
    for finding in training.findings:
        console.print(f"• {finding.title}: {finding.text}", markup=False, highlight=False)


def tell_result(metrics: dict[str, Any], training: TrainingSet, out: Path, console: Console) -> None:
    """The table of methods, the choice, and where everything lies."""
    sizes = " / ".join(str(n) for n in metrics["sizes"].values())
    title = f"{training.source}, {metrics['split']} split ({sizes})"
    table: Table = scores_table(title, metrics["metric"], metrics["higher_is_better"], metrics["methods"])
    console.print(table)
    seen = metrics["out_of_fold"][metrics["metric"]]
    console.print(
        f"chosen by validation: {metrics['chosen']}; an ensemble of it was fitted on all molecules, with "
        f"{label(metrics['metric'])} {seen:.3f} on those that each member had not seen (random folds)"
    )
    if metrics["leaked"]:
        console.print(
            f"{metrics['leaked']} test molecules are the compound of a train molecule but for "
            "stereochemistry, mobile hydrogens or protonation"
        )
    if training.set_aside:
        console.print(f"{len(training.set_aside)} rows were set aside: {out / REJECTED_FILE}", soft_wrap=True)
    console.print(f"model: {out}   report: {out / REPORT_FILE}", soft_wrap=True)


def _identity(training: TrainingSet, config: AdaptConfig, unlabelled: Sequence[str]) -> dict[str, Any]:
    """What a resumed run must agree on."""
    return {
        **process_facts(config.jobs),
        "data": training.digest,
        "unlabelled": len(unlabelled),
        **{name: str(value) for name, value in asdict(config).items() if name not in ("compute", "jobs")},
        "compute": str(config.compute),
        "version": molweight.__version__,
    }
