"""`molweight pretrain`."""

from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.options import DEFAULT_OBJECTIVES, Device, Objectives, Precision
from molweight.launch import joined_ranks


def pretrain(
    corpora: Annotated[
        list[Path], typer.Argument(help="Molecules: .csv, .tsv, .smi or .sdf, gzipped or not, or .parquet.")
    ],
    out: Annotated[Path, typer.Option(help="Checkpoint to write, .safetensors.")],
    epochs: Annotated[float, typer.Option(help="Passes over the corpora.")] = 5.0,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps, in place of --epochs.")] = None,
    batch_size: Annotated[int, typer.Option(help="Molecules to a step, of all ranks together.")] = 256,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="Of weights, batches and random choices.")] = 0,
    checkpoint: Annotated[
        str | None, typer.Option(help="Weights to start from; random ones where it is left out.")
    ] = None,
    smiles_column: Annotated[
        str | None, typer.Option(help="Column that holds SMILES, but for .smi files.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left.")] = False,
    objectives: Objectives = DEFAULT_OBJECTIVES,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Pretrain a GIN on SMILES with several objectives at equal weight.

    Writes the checkpoint and beside it the loss curve as .json and .png. An interrupted run goes on
    with --resume. Under torchrun the processes share each batch.
    """
    from molweight.encoders.compute import choose_compute
    from molweight.objectives import find_objectives
    from molweight.pretraining import PretrainRun, pretrain_corpus

    run = PretrainRun(
        corpora,
        out,
        epochs,
        steps,
        batch_size,
        lr,
        seed,
        checkpoint,
        smiles_column,
        resume,
        overwrite,
        find_objectives(objectives),
    )
    compute = choose_compute(device, precision)
    with joined_ranks(compute.device) as ranks:
        summary = pretrain_corpus(run, compute, ranks)
    if not ranks.first:
        return
    typer.echo(f"{out}: {summary['molecules']} molecules, {summary['epochs']} epochs")
    if summary["rejected"]:
        typer.echo(f"{summary['rejected']} rows are not molecules and were set aside: {run.rejected}")
