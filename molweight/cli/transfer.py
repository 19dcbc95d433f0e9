"""`molweight transfer`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from molweight.cli.groups import UnlessNamed
from molweight.cli.options import DEFAULT_OBJECTIVES, Checkpoint, Device

SCAN = "scan"


class ScanUnlessNamed(UnlessNamed):
    """`molweight transfer TABLE` is the scan."""

    meant = SCAN


transfer_app = typer.Typer(cls=ScanUnlessNamed, rich_markup_mode=None)


@transfer_app.command("forecast")
def forecast(
    folder: Annotated[Path, typer.Argument(help="Folder that molweight transfer wrote.")],
    task: Annotated[str, typer.Option(help="Task whose score is foretold.")],
    add: Annotated[
        list[str], typer.Option(help="Samples to add, such as logP=200, of the task or of one other.")
    ],
    have: Annotated[
        list[str] | None, typer.Option(help="Samples so far, such as logS=50; else all in the table.")
    ] = None,
) -> None:
    """Say what more samples of a task would do to the score of one, by the curves of an earlier run."""
    from molweight.transfer.run_forecast import run_forecast

    typer.echo(run_forecast(folder, task, add, have or []))


@transfer_app.command("objectives")
def objectives(
    data: Annotated[str, typer.Argument(help="Table with SMILES and the target, or a MoleculeNet set.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("molweight-objectives"),
    target: Annotated[str | None, typer.Option(help="Column that is predicted.")] = None,
    unlabelled: Annotated[Path | None, typer.Option(help="File of further molecules.")] = None,
    objectives: Annotated[
        str, typer.Option(help="Comma-separated; each is pretrained on alone.")
    ] = DEFAULT_OBJECTIVES,
    molecules: Annotated[
        str, typer.Option(help="Numbers of unlabelled molecules; all for as many as there are.")
    ] = "200,800,all",
    pretrainings: Annotated[int, typer.Option(help="Of each kind on each fold.")] = 2,
    epochs: Annotated[int, typer.Option(help="Passes over the unlabelled molecules.")] = 3,
    learn_weights: Annotated[
        int, typer.Option(help="Runs of the three-level solver, each validating on another fold.")
    ] = 2,
    threshold: Annotated[
        float | None, typer.Option(help="Values at or above it are class 1, others class 0.")
    ] = None,
    smiles_column: Annotated[
        str | None, typer.Option(help="Column of SMILES; found by name or content where left out.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds to test on.")] = 5,
    fold_kind: Annotated[
        Literal["compound", "scaffold"], typer.Option(help="What a fold keeps together.")
    ] = "scaffold",
    points: Annotated[int, typer.Option(help="Numbers of labelled molecules.")] = 4,
    smallest: Annotated[int, typer.Option(help="The smallest of these.")] = 16,
    largest: Annotated[int, typer.Option(help="The largest of these.")] = 256,
    checkpoint: Checkpoint = "molweight_gin",
    device: Device = "auto",
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one on each core.")] = -1,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder that is searched for named sets first.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go on however long it takes.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Say whether more unlabelled molecules, or another objective, would help a target.

    Pretraining of the encoder is continued on growing numbers of molecules with one objective at a time,
    and each encoder scored, frozen, with growing numbers of labelled molecules on folds that it has not
    seen. Of a MoleculeNet set, the train part of its scaffold split is used alone. The weights that the
    three-level solver learns stand beside. Writes report.html and report.json.
    """
    from rich.console import Console

    from molweight.benchmarks.objective_sets import find_target
    from molweight.encoders.compute import choose_compute
    from molweight.objectives import find_objectives
    from molweight.transfer.data import Reading
    from molweight.transfer.objective_designs import ObjectivesConfig
    from molweight.transfer.run_objectives import ObjectivesFiles, parse_molecules
    from molweight.transfer.run_objectives import objectives as run

    config = ObjectivesConfig(
        find_objectives(objectives),
        parse_molecules(molecules),
        folds,
        fold_kind,
        points,
        smallest,
        largest,
        pretrainings,
        epochs,
        weight_runs=learn_weights,
        checkpoint=checkpoint,
        level=level,
        seed=seed,
    )
    asked = find_target(data, target, Reading(threshold, smiles_column), unlabelled, data_dir)
    files = ObjectivesFiles(out, jobs, yes, overwrite, resume)
    run(asked, files, config, choose_compute(device), sys.argv[1:], Console())


@transfer_app.command(SCAN)
def transfer(
    data: Annotated[
        str,
        typer.Argument(help="Table with SMILES and a column for each task, or kiba, davis or chembl-dti."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("molweight-transfer"),
    threshold: Annotated[
        float | None, typer.Option(help="Values at or above it are class 1, others class 0.")
    ] = None,
    smiles_column: Annotated[
        str | None, typer.Option(help="Column of SMILES; found by name or content where left out.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column that is no task; may be repeated.")] = None,
    tasks: Annotated[
        int | None, typer.Option(help="Keep so many tasks, those of the most labels; else all.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds to test on.")] = 5,
    fold_kind: Annotated[
        Literal["compound", "scaffold"], typer.Option(help="What a fold keeps together.")
    ] = "compound",
    features: Annotated[
        Literal["ecfp4", "gin"], typer.Option(help="Of the scan: fingerprints, or the frozen encoder.")
    ] = "ecfp4",
    points: Annotated[int, typer.Option(help="Sizes of a task's own samples.")] = 5,
    smallest: Annotated[int, typer.Option(help="Labels in the smallest sample.")] = 16,
    largest: Annotated[int, typer.Option(help="Labels in the largest sample.")] = 256,
    confirm: Annotated[int, typer.Option(help="Pairs to train networks on, alone and together.")] = 6,
    design: Annotated[
        Literal["efficient", "full", "walk"],
        typer.Option(help="In closed form; a network at every point; or networks from size to size."),
    ] = "efficient",
    learner: Annotated[
        Literal["mlp", "gin"],
        typer.Option(help="What is trained: a network on the features, or the whole pretrained encoder."),
    ] = "mlp",
    reference: Annotated[bool, typer.Option(help="Score a random forest on each task alone too.")] = True,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one on each core.")] = -1,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder that is searched for named sets first.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go on however long it takes.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Find out which tasks help each other, by learning curves over their samples.

    Every pair of tasks is learned together in closed form at several sizes of both samples; curves with
    intervals say whether, and how fast, samples of one task help or harm another. The strongest pairs are
    then confirmed by networks. With --design full, networks learn at every size in place of the closed form,
    which takes hours where that takes minutes; with --design walk, a tenth of that. Writes report.html and
    report.json. An interrupted run goes on with --resume. See molweight transfer forecast --help for what
    more samples would do.
    """
    from rich.console import Console

    from molweight.benchmarks.transfer_sets import find_table
    from molweight.transfer.designs import TransferConfig
    from molweight.transfer.run_transfer import TransferFiles
    from molweight.transfer.run_transfer import transfer as run

    path, reading = find_table(data, data_dir)
    reading = replace(
        reading,
        threshold=reading.threshold if threshold is None else threshold,
        smiles_column=smiles_column,
        ignored=(*reading.ignored, *(ignore or ())),
    )
    config = TransferConfig(
        folds,
        fold_kind,
        features,
        points,
        smallest,
        largest,
        confirm,
        level=level,
        seed=seed,
        design=design,
        learner=learner,
        reference=reference,
    )
    files = TransferFiles(path, reading, out, tasks, jobs, yes, overwrite, resume)
    run(files, config, sys.argv[1:], Console())
