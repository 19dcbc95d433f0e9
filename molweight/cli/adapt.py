"""`molweight adapt`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from molweight.cli.options import DEFAULT_OBJECTIVES, Checkpoint, Device, Jobs, Objectives, Precision


def adapt(
    data: Annotated[
        Path, typer.Argument(help="Table of molecules with measured values: .csv, .tsv, .sdf, .parquet.")
    ],
    target: Annotated[list[str], typer.Option(help="Column of labels; give it again for more tasks.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")] = Path("molweight-model"),
    smiles_column: Annotated[
        str | None, typer.Option(help="Column of SMILES; found by name or content where left out.")
    ] = None,
    kind: Annotated[
        Literal["auto", "classification", "regression"],
        typer.Option(help="auto looks at the labels."),
    ] = "auto",
    unlabelled: Annotated[
        list[Path] | None, typer.Option(help="File of further SMILES to pretrain on; may be repeated.")
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated, of rf, rf-descriptors, gbdt, scratch, finetune, single-attribute-masking, "
            "single-context-prediction, single-contrastive, single-edge-prediction, "
            "single-descriptor-prediction, equal, random-1, random-20, uncertainty, gradnorm, cosine, "
            "upgrad, fixed-learned, tapweight, tapweight-cg, tapweight-strength, tapweight-folds."
        ),
    ] = (
        "rf,rf-descriptors,gbdt,finetune,finetune@descriptors=true@fingerprints=true@boosting=true,equal,"
        "tapweight"
    ),
    budget: Annotated[
        str, typer.Option(help="smoke (to try out), quick (1 seed), standard (3 seeds) or full (5 seeds).")
    ] = "standard",
    objectives: Objectives = DEFAULT_OBJECTIVES,
    censored: Annotated[
        Literal["missing", "bound"],
        typer.Option(help="What a value such as >10 counts as."),
    ] = "missing",
    largest_fragment: Annotated[
        bool, typer.Option("--largest-fragment", help="Keep the largest part of salts and mixtures.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    checkpoint: Checkpoint = "molweight_gin",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier model.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    jobs: Jobs = 1,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Fit a model of a property to your own molecules.

    Cleans the table and says what it did, tries the methods on a scaffold split, chooses by validation alone,
    fits an ensemble of the chosen one, calibrates it, and writes the model folder with report.html and a
    model card. An interrupted run goes on with --resume and the same options, to the same model.
    """
    from rich.console import Console

    from molweight.encoders.compute import choose_compute
    from molweight.objectives import find_objectives
    from molweight.screening.adapt import AdaptConfig
    from molweight.screening.run_adapt import AdaptRun, run_adapt

    kinds, compute = find_objectives(objectives), choose_compute(device, precision)
    config = AdaptConfig(methods, budget, kinds, seed, checkpoint, compute, jobs)
    run = AdaptRun(
        data,
        tuple(target),
        out,
        smiles_column,
        kind,
        tuple(unlabelled or ()),
        censored,
        largest_fragment,
        overwrite,
        resume,
    )
    run_adapt(run, config, sys.argv[1:], Console())
