"""`molweight text`: the same for texts."""

from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.options import Device, Precision
from molweight.cli.text_adapt import adapt
from molweight.cli.text_predict import predict

app = typer.Typer(no_args_is_help=True, help="Texts instead of molecules.")
for command in (adapt, predict):
    app.command()(command)


@app.command()
def bench(
    names: Annotated[list[str], typer.Argument(help="Text data sets, such as chemprot, acl-arc or sst2.")],
    methods: Annotated[
        str, typer.Option(help="Comma-separated, of tfidf, finetune, equal, mlm, tapweight.")
    ] = "tfidf,finetune,equal,mlm,tapweight",
    objectives: Annotated[
        str, typer.Option(help="Comma-separated; one left out has no share of the weights.")
    ] = "masked_language_modelling,contrastive,sentence_order,bag_of_words",
    seeds: Annotated[int, typer.Option(help="Number of seeds, counted from 0.")] = 3,
    train_size: Annotated[
        int | None,
        typer.Option(help="Labelled texts drawn from train, others for each seed; default: all."),
    ] = None,
    budget: Annotated[str, typer.Option(help="smoke, quick, standard or full.")] = "quick",
    model: Annotated[
        str, typer.Option(help="minilm, a folder with a model of transformers, or a name on its hub.")
    ] = "minilm",
    download: Annotated[bool, typer.Option("--download", help="Fetch the model from the hub.")] = False,
    max_length: Annotated[int, typer.Option(help="Most tokens of a text; longer ones are cut.")] = 128,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with text/FILE, searched before $MOLWEIGHT_DATA.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; molweight-text-bench/NAME by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report.")] = False,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of an interrupted run to go on with, in place of --out.")
    ] = None,
    plant: Annotated[
        bool,
        typer.Option(
            "--plant", help="Learn weights beside an objective that leaks the target and one of noise."
        ),
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Compare learned objective weights with baselines on text data sets.

    Prints each method's test metric over seeds, and the learned weights. Writes report.json, the split and
    pictures to the output folder (a subfolder for each set where there are several). What a run has reached
    is kept there as it goes: an interrupted one goes on with --resume and the same options, to the same
    numbers. With --train-size the methods that pretrain read the other texts of train too, without labels.
    """
    from rich.console import Console

    console = Console()
    labelled = "all" if train_size is None else str(train_size)
    console.print(
        f"molweight text bench {' '.join(names)}: {methods}; {seeds} seeds, {labelled} train texts, "
        f"{budget} budget"
    )
    from molweight.benchmarks.folders import output_folders, resumed_folders
    from molweight.benchmarks.outcomes import FOLDER as OUTCOMES
    from molweight.benchmarks.outcomes import Outcomes
    from molweight.benchmarks.planted_report import PLANT_REPORT, print_planted, write_planted
    from molweight.benchmarks.text_bench import TextBenchConfig, check_text_names, run_text_bench
    from molweight.benchmarks.text_planted import run_text_planted
    from molweight.benchmarks.text_report import print_text_report, write_text_report
    from molweight.encoders.compute import choose_compute
    from molweight.objectives import TEXT_OBJECTIVES, find_objectives

    check_text_names(names)
    config = TextBenchConfig(
        methods,
        find_objectives(objectives, TEXT_OBJECTIVES),
        seeds,
        train_size,
        budget,
        model,
        max_length,
        data_dir,
        choose_compute(device, precision),
        download,
    )
    default = "molweight-text-bench"
    if plant:
        for name, folder in output_folders(tuple(names), out, overwrite, PLANT_REPORT, default).items():
            print_planted(write_planted(run_text_planted(name, config), folder), folder, console)
        return
    folders = (
        resumed_folders(tuple(names), resume)
        if resume
        else output_folders(tuple(names), out, overwrite, default=default)
    )
    for name, folder in folders.items():
        kept = Outcomes(folder / OUTCOMES)
        result = run_text_bench(name, config, kept, resume is not None, overwrite)
        report = write_text_report(result, config, folder)
        kept.remove()
        print_text_report(report, result.setting.metric.higher_is_better, folder, console)
