"""`molweight predict`."""

from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.options import Device, Precision


def predict(
    model: Annotated[Path, typer.Argument(help="Model folder that adapt wrote.")],
    molecules: Annotated[
        Path,
        typer.Argument(help=".csv, .tsv, .smi, .sdf, gzipped or not, .parquet, or - for CSV from stdin."),
    ],
    out: Annotated[
        Path, typer.Option(help="File to write, in any of these formats, or - for CSV to stdout.")
    ],
    smiles_column: Annotated[
        str | None, typer.Option(help="Column of SMILES; found by name or content where left out.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Share of molecules whose interval or set is to hold the truth.")
    ] = 0.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier file.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Predict every row of a table, in its order and at bounded memory.

    Adds for each task the prediction and the spread of the ensemble, or the calibrated probability, and a
    conformal interval or set of classes; and for each molecule its nearest training molecule (Tanimoto on
    ECFP4) and whether it is in the domain. Rows that are no molecule stay in place with the reason.
    """
    from molweight.encoders.compute import choose_compute
    from molweight.screening.run_predict import run_predict

    run_predict(model, molecules, out, smiles_column, coverage, overwrite, choose_compute(device, precision))
