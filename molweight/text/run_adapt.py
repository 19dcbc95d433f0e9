"""`molweight text adapt`: from a table to a model folder, telling what is done on the way."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import molweight
from molweight.encoders.transformer_checkpoints import load_text_encoder
from molweight.paths import replacing_folder
from molweight.reports.json_file import write_json
from molweight.reports.tables import scores_table
from molweight.reports.words import label
from molweight.screening.adapted_folder import CARD_FILE, REJECTED_FILE, REPORT_FILE, SPLIT_FILE, check_target
from molweight.screening.trials import Trials
from molweight.text.adapt import TextAdaptConfig, TextAdapted, adapt_texts
from molweight.text.labels import Kind
from molweight.text.model_folder import write_text_model
from molweight.text.report import summarise_texts, write_text_card, write_text_page
from molweight.text.tables import read_unlabelled
from molweight.text.tokenisable import tokenisable
from molweight.text.training_set import TextTrainingSet, load_text_training, write_rejected_texts

FIGURES = "report.json"


@dataclass(frozen=True)
class TextAdaptRun:
    """The files and the reading of them.

    Attributes:
        table: of labelled texts.
        target: column of labels.
        out: folder to write.
        text_column: found where it is None.
        pair_column: of the second texts, where rows are pairs.
        kind: auto, classification or regression.
        unlabelled: files of further texts.
        overwrite: replace an earlier model.
        resume: go on with an interrupted run.
    """

    table: Path
    target: str
    out: Path
    text_column: str | None = None
    pair_column: str | None = None
    kind: Kind = "auto"
    unlabelled: tuple[Path, ...] = ()
    overwrite: bool = False
    resume: bool = False

    @property
    def unfinished(self) -> Path:
        """Where finished trials lie until there is a model."""
        return self.out.with_name(f"{self.out.name}.unfinished")


def run_adapt_texts(
    run: TextAdaptRun, config: TextAdaptConfig, arguments: Sequence[str], console: Console
) -> None:
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
    checkpoint = load_text_encoder(config.model, config.download)
    readable = partial(tokenisable, checkpoint.tokeniser, max_length=config.max_length)
    training = load_text_training(run.table, run.target, run.text_column, run.pair_column, run.kind, readable)
    tell_text_findings(training, console)
    config.metric_of(training.data)
    unlabelled = [text for path in run.unlabelled for text in read_unlabelled(path, training.text_column)]
    kept = Trials(run.unfinished)
    kept.begin(_identity(training, config, unlabelled), run.resume, run.overwrite)
    adapted = adapt_texts(training, config, checkpoint, kept, unlabelled)
    report = write_text_adapted(adapted, run.out, shlex.join(["molweight", *arguments]))
    kept.remove()
    tell_text_result(report, training, run.out, console)


def write_text_adapted(adapted: TextAdapted, folder: Path, command: str) -> dict[str, Any]:
    """Write the model, its figures, split, card and page, and return the figures.

    Args:
        adapted: what to write.
        folder: that appears, or is replaced, when all is written.
        command: that made it.
    """
    report, training = summarise_texts(adapted), adapted.training
    parts = {part: training.rows[getattr(adapted.split, part)].tolist() for part in adapted.split.sizes}
    with replacing_folder(folder) as new:
        write_text_model(adapted.model, new)
        write_json(report, new / FIGURES)
        write_json(parts, new / SPLIT_FILE)
        if training.set_aside:
            write_rejected_texts(training.set_aside, new / REJECTED_FILE)
        write_text_card(adapted, report, new / CARD_FILE, command)
        write_text_page(adapted, report, new / REPORT_FILE, command)
    return report


def tell_text_findings(training: TextTrainingSet, console: Console) -> None:
    """What was found in the data, a line each."""
    console.print(f"{training.source}: {len(training.data)} texts, {len(training.set_aside)} rows set aside")
    for finding in training.findings:
        console.print(f"• {finding.title}: {finding.text}", markup=False, highlight=False)


def tell_text_result(report: dict[str, Any], training: TextTrainingSet, out: Path, console: Console) -> None:
    """The table of methods, the choice, and where everything lies."""
    sizes = " / ".join(str(n) for n in report["sizes"].values())
    title = f"{training.source}, random split ({sizes})"
    console.print(scores_table(title, report["metric"], report["higher_is_better"], report["methods"]))
    seen = report["out_of_fold"][report["metric"]]
    console.print(
        f"chosen by validation: {report['chosen']}; an ensemble of it was fitted on all texts, with "
        f"{label(report['metric'])} {seen:.3f} on those that each member had not seen (random folds)"
    )
    if report["truncated"]:
        console.print(f"networks read only the beginning of {report['truncated']} texts; see --max-length")
    if training.set_aside:
        console.print(f"{len(training.set_aside)} rows were set aside: {out / REJECTED_FILE}", soft_wrap=True)
    console.print(f"model: {out}   report: {out / REPORT_FILE}", soft_wrap=True)


def _identity(
    training: TextTrainingSet, config: TextAdaptConfig, unlabelled: Sequence[str]
) -> dict[str, Any]:
    """What a resumed run must agree on."""
    return {
        "data": training.digest,
        "unlabelled": len(unlabelled),
        **{name: str(value) for name, value in asdict(config).items() if name != "compute"},
        "compute": str(config.compute),
        "version": molweight.__version__,
    }
