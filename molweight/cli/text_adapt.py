"""`molweight text adapt`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from molweight.cli.options import Device, Precision


def adapt(
    data: Annotated[Path, typer.Argument(help="Table of labelled texts: .csv, .tsv, .jsonl, .parquet.")],
    target: Annotated[str, typer.Option(help="Column of labels: classes of any number, or values.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")] = Path("molweight-text-model"),
    text_column: Annotated[
        str | None, typer.Option(help="Column of texts; found by name or content where left out.")
    ] = None,
    pair_column: Annotated[
        str | None, typer.Option(help="Column of the second text of each row, where rows are pairs.")
    ] = None,
    kind: Annotated[
        Literal["auto", "classification", "regression"],
        typer.Option(help="auto looks at the labels."),
    ] = "auto",
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="File of further texts to pretrain on, a table or .txt; may be repeated."),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Comma-separated, of tfidf, finetune, mlm, equal, tapweight.")
    ] = "tfidf,finetune,mlm,equal,tapweight",
    budget: Annotated[
        str, typer.Option(help="smoke (to try out), quick (1 seed), standard (3 seeds) or full (5 seeds).")
    ] = "quick",
    objectives: Annotated[
        str, typer.Option(help="Comma-separated; one left out has no share of the weights.")
    ] = "masked_language_modelling,contrastive,sentence_order,bag_of_words",
    metric: Annotated[
        str | None,
        typer.Option(help="What chooses: macro_f1, accuracy, ... of classes, rmse, pearson, ... of values."),
    ] = None,
    max_length: Annotated[int, typer.Option(help="Most tokens of a text; longer ones are cut.")] = 128,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    model: Annotated[
        str, typer.Option(help="minilm, a folder with a model of transformers, or a name on its hub.")
    ] = "minilm",
    download: Annotated[bool, typer.Option("--download", help="Fetch the model from the hub.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier model.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Fit a model of a label to your own texts.

    Cleans the table and says what it did, tries the methods on a random split, chooses by validation alone,
    fits an ensemble of the chosen one, calibrates it, and writes the model folder with report.html and a
    model card. An interrupted run goes on with --resume and the same options, to the same model.
    """
    from rich.console import Console

    from molweight.encoders.compute import choose_compute
    from molweight.objectives import TEXT_OBJECTIVES, find_objectives
    from molweight.text.adapt import TextAdaptConfig
    from molweight.text.run_adapt import TextAdaptRun, run_adapt_texts

    config = TextAdaptConfig(
        methods,
        budget,
        find_objectives(objectives, TEXT_OBJECTIVES),
        metric,
        max_length,
        seed,
        model,
        choose_compute(device, precision),
        download,
    )
    run = TextAdaptRun(
        data, target, out, text_column, pair_column, kind, tuple(unlabelled or ()), overwrite, resume
    )
    run_adapt_texts(run, config, sys.argv[1:], Console())
