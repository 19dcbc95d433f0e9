"""`molweight screen`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.options import Device, Precision


def screen(
    model: Annotated[Path, typer.Argument(help="Model folder that adapt wrote.")],
    library: Annotated[
        Path, typer.Argument(help="Molecules of any number: .csv, .smi, .sdf, .parquet, or -.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("molweight-screen"),
    top: Annotated[int, typer.Option(help="Molecules to keep.")] = 1_000,
    target: Annotated[str | None, typer.Option(help="Task to rank by, where the model has several.")] = None,
    minimise: Annotated[bool, typer.Option("--minimise", help="Rank the smallest values first.")] = False,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Keep the best molecule of each Murcko scaffold only.")
    ] = False,
    explore: Annotated[
        bool,
        typer.Option(
            "--explore/--exploit",
            help="Rank by the upper confidence bound, or by the prediction alone.",
        ),
    ] = False,
    kappa: Annotated[
        float, typer.Option(help="With --explore: what a standard deviation of the ensemble is worth.")
    ] = 1.0,
    smiles_column: Annotated[
        str | None, typer.Option(help="Column of SMILES; found by name or content where left out.")
    ] = None,
    coverage: Annotated[float, typer.Option(help="Of the intervals and sets told beside.")] = 0.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Keep the best molecules of a library, which is read once and may be of any size.

    Writes top.csv with predictions, intervals and nearest training molecules, top.svg with the first
    structures drawn, and screen.html.
    """
    from molweight.encoders.compute import choose_compute
    from molweight.screening.run_screen import ScreenRun, run_screen

    run = ScreenRun(
        model,
        library,
        out,
        top,
        target,
        minimise,
        diverse,
        explore,
        kappa,
        smiles_column,
        coverage,
        overwrite,
    )
    run_screen(run, choose_compute(device, precision), sys.argv[1:])
