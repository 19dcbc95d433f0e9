"""`molweight bench suite`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from molweight.launch import refuse_ranks


def suite(
    preset: Annotated[
        str | None,
        typer.Option(help="quick (the default), ablations, paper or full; what is not named comes from it."),
    ] = None,
    data_sets: Annotated[str | None, typer.Option(help="Comma-separated MoleculeNet sets.")] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated, as of molweight bench.")] = None,
    splits: Annotated[
        str | None,
        typer.Option(help="Comma-separated, of chiral-scaffold, random-scaffold, scaffold and random."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds, counted from 0, on every set.")] = None,
    budget: Annotated[str | None, typer.Option(help="smoke, quick, standard or full.")] = None,
    objectives: Annotated[
        str | None, typer.Option(help="Comma-separated; one left out has no share of the weights.")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="molweight_gin, a DGL-LifeSci GIN by name, or a .safetensors or .pth path."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; molweight-suite by default.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Folder of a suite to go on with, in place of --out; what is named is added."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Cells at once; by default one a core, or one on each GPU.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local (processes of this machine) or ray (nodes of a Ray cluster).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="With --engine ray: of a running cluster; without it, one is started here."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder with moleculenet/NAME.csv.gz, searched before $MOLWEIGHT_DATA."),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            help="File of molecules to pretrain on beside those of train; those that validate or test are "
            "left out."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto (the default: a GPU where there is one), cpu or cuda.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="auto (the default: bfloat16 where it is fast), float32 or bfloat16."),
    ] = None,
) -> None:
    """Run data sets x splits x methods x seeds, each a cell by itself, into one folder of results.

    Cells run side by side. Each outcome is kept as soon as it is there, so that a suite that was stopped at
    any moment goes on with --resume FOLDER alone and does nothing twice; with other sets, methods, splits or
    seeds named beside, it does these, and keeps them in the same folder. A cell that fails stops no other;
    it is told at the end, with exit code 1, and done again on resuming.
    """
    refuse_ranks("molweight bench suite")
    from rich.console import Console

    from molweight.benchmarks.suite.plan import Named
    from molweight.benchmarks.suite.program import SuiteRun, suite_program
    from molweight.objectives import find_objectives

    rest = {
        "budget": budget,
        "objectives": None if objectives is None else find_objectives(objectives),
        "checkpoint": checkpoint,
        "device": device,
        "precision": precision,
        "data_dir": data_dir and str(data_dir.resolve()),
        "unlabelled": unlabelled and str(unlabelled.resolve()),
    }
    named = Named(preset, _names(data_sets), _names(methods), _names(splits), seeds, rest)
    command = shlex.join(["molweight", *sys.argv[1:]])
    if suite_program(named, SuiteRun(out, resume, jobs, engine, address), command, Console()):
        raise typer.Exit(1)


def _names(listed: str | None) -> tuple[str, ...]:
    """Those of a comma-separated list, each once."""
    names = (name.strip() for name in (listed or "").split(","))
    return tuple(dict.fromkeys(name for name in names if name))
