"""The command line: options in, one call, results out. Heavy imports wait until a command runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from molweight.errors import ConfigError, MolweightError
from molweight.launch import first_speaks, joined_ranks, launched, refuse_ranks

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich's panels double what --help takes
)

PARALLEL = ("bench", "pretrain")

Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Precision = Annotated[str, typer.Option(help="auto (bfloat16 where it is fast), float32 or bfloat16.")]


@app.callback()
def molweight_command(context: typer.Context) -> None:
    """Adapt a pretrained molecular encoder with objective weights learned from the task itself."""
    if context.invoked_subcommand not in PARALLEL:
        refuse_ranks(f"molweight {context.invoked_subcommand}")


@app.command()
def bench(
    names: Annotated[list[str], typer.Argument(help="MoleculeNet sets, such as freesolv, bbbp or bace.")],
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated, of rf, scratch, finetune, equal, tapweight, tapweight-cg, "
            "tapweight-strength."
        ),
    ] = "rf,scratch,finetune,equal,tapweight",
    objectives: Annotated[
        str, typer.Option(help="Comma-separated; one left out has no share of the weights.")
    ] = "attribute_masking,context_prediction,contrastive,edge_prediction",
    seeds: Annotated[int, typer.Option(help="Number of seeds, counted from 0.")] = 3,
    split: Annotated[
        str, typer.Option(help="scaffold, chiral-scaffold, random-scaffold or random.")
    ] = "scaffold",
    budget: Annotated[str, typer.Option(help="smoke, standard or full.")] = "standard",
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder with moleculenet/NAME.csv.gz, searched before $MOLWEIGHT_DATA."),
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="molweight_gin, a DGL-LifeSci GIN by name, or a .safetensors or .pth path.")
    ] = "molweight_gin",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; molweight-bench/NAME by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(help="Folder of an interrupted run to go on with, in place of --out."),
    ] = None,
    plant: Annotated[
        bool,
        typer.Option(
            "--plant", help="Learn weights beside an objective that leaks the target and one of noise."
        ),
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --plant: leave losses in their own units, an ablation.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Compare learned objective weights with baselines on MoleculeNet.

    Prints each method's test metric over seeds, and the learned weights. Writes report.json, the split,
    the rejected rows and pictures to the output folder (a subfolder for each set where there are several).
    What a run has reached is kept there as it goes: an interrupted one goes on with --resume and the same
    options, to the same numbers. Under torchrun the methods equal and tapweight run data-parallel.
    """
    from rich.console import Console

    console = Console(quiet=launched()[0] > 0)
    console.print(
        f"molweight bench {' '.join(names)}: {methods}; {seeds} seeds, {split} split, {budget} budget"
    )
    from molweight.benchmarks.bench import BenchConfig, check_names, run_bench
    from molweight.benchmarks.outcomes import FOLDER as OUTCOMES
    from molweight.benchmarks.outcomes import Outcomes
    from molweight.benchmarks.planted import PLANT_REPORT, print_planted, run_planted, write_planted
    from molweight.benchmarks.report import output_folders, print_report, resumed_folders, write_report
    from molweight.encoders.compute import choose_compute
    from molweight.objectives import find_objectives

    check_names(names)
    if raw and not plant:
        raise ConfigError("--raw goes with --plant, of which it is an ablation")
    compute, kinds = choose_compute(device, precision), find_objectives(objectives)
    if plant:
        refuse_ranks("--plant")
        config = BenchConfig(methods, kinds, seeds, split, budget, data_dir, checkpoint, compute)
        for name, folder in output_folders(tuple(names), out, overwrite, PLANT_REPORT).items():
            print_planted(write_planted(run_planted(name, config, not raw), folder), folder, console)
        return
    with joined_ranks(compute.device) as ranks:
        config = BenchConfig(methods, kinds, seeds, split, budget, data_dir, checkpoint, compute, ranks)
        folders = ranks.once(
            lambda: (
                resumed_folders(tuple(names), resume)
                if resume
                else output_folders(tuple(names), out, overwrite)
            )
        )
        for name, folder in folders.items():
            kept = Outcomes(folder / OUTCOMES)
            result = run_bench(name, config, kept, resume is not None, overwrite)
            if ranks.first:
                report = write_report(result, config, folder)
                kept.remove()
                print_report(report, result.metric.higher_is_better, folder, console)


@app.command()
def pretrain(
    corpora: Annotated[
        list[Path], typer.Argument(help="Files of SMILES: .csv, .tsv or .smi, gzipped or not.")
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
    smiles_column: Annotated[str | None, typer.Option(help="Column of CSV files that holds SMILES.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Pretrain a GIN on SMILES with the four objectives at equal weight.

    Writes the checkpoint and beside it the loss curve as .json and .png. An interrupted run goes on
    with --resume. Under torchrun the processes share each batch.
    """
    from molweight.encoders.compute import choose_compute
    from molweight.pretraining import PretrainRun, pretrain_corpus

    run = PretrainRun(
        corpora, out, epochs, steps, batch_size, lr, seed, checkpoint, smiles_column, resume, overwrite
    )
    compute = choose_compute(device, precision)
    with joined_ranks(compute.device) as ranks:
        summary = pretrain_corpus(run, compute, ranks)
    if not ranks.first:
        return
    typer.echo(f"{out}: {summary['molecules']} molecules, {summary['epochs']} epochs")
    if summary["rejected"]:
        typer.echo(f"{summary['rejected']} rows are not molecules and were set aside: {run.rejected}")


def main() -> None:
    """Run the program; an error a user can mend is one line and exit code 2, failed training 1."""
    try:
        with first_speaks():
            app()
    except MolweightError as error:
        typer.secho(f"molweight: {error}", err=True, fg=typer.colors.RED)
        sys.exit(2)
    except FloatingPointError as error:
        typer.secho(f"molweight: training failed: {error}", err=True, fg=typer.colors.RED)
        sys.exit(1)


if __name__ == "__main__":
    main()
