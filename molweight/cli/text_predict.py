"""`molweight text predict`."""

from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.options import Device, Precision


def predict(
    model: Annotated[Path, typer.Argument(help="Model folder that text adapt wrote.")],
    texts: Annotated[
        Path,
        typer.Argument(help=".csv, .tsv, .jsonl, gzipped or not, .parquet, or - for CSV from stdin."),
    ],
    out: Annotated[
        Path, typer.Option(help="File to write, in any of these formats, or - for CSV to stdout.")
    ],
    text_column: Annotated[
        str | None, typer.Option(help="Column of texts; that of the model where left out.")
    ] = None,
    pair_column: Annotated[
        str | None, typer.Option(help="Column of the second texts; that of the model where left out.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Share of texts whose interval or set is to hold the truth.")
    ] = 0.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier file.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Predict every row of a table of texts, in its order and at bounded memory.

    Adds the class with its calibrated probability, the spread of the ensemble, a conformal set of classes
    and the probability of each class; or the value, its spread and a conformal interval. Rows without text
    stay in place with the reason.
    """
    from molweight.encoders.compute import choose_compute
    from molweight.text.run_predict import run_predict_texts

    compute = choose_compute(device, precision)
    run_predict_texts(model, texts, out, text_column, pair_column, coverage, overwrite, compute)
