"""`molweight bench`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from molweight.cli.bench_report import report
from molweight.cli.bench_suite import suite
from molweight.cli.groups import UnlessNamed
from molweight.cli.options import DEFAULT_OBJECTIVES, Checkpoint, Device, Jobs, Objectives, Precision
from molweight.errors import ConfigError
from molweight.launch import joined_ranks, launched, refuse_ranks

COMPARE = "compare"


class CompareUnlessNamed(UnlessNamed):
    """`molweight bench NAME` compares methods on one data set or several."""

    meant = COMPARE


bench_app = typer.Typer(cls=CompareUnlessNamed, rich_markup_mode=None)
bench_app.command("suite")(suite)
bench_app.command("report")(report)


@bench_app.command(COMPARE)
def bench(
    names: Annotated[list[str], typer.Argument(help="MoleculeNet sets, such as freesolv, bbbp or bace.")],
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated, of rf, rf-descriptors, gbdt, scratch, probe, finetune, "
            "single-attribute-masking, single-context-prediction, single-contrastive, "
            "single-edge-prediction, single-descriptor-prediction, equal, random-1, random-20, uncertainty, "
            "gradnorm, cosine, aligned-joint, upgrad, fixed-learned, two-level, tapweight, tapweight-cg, "
            "tapweight-strength, tapweight-folds."
        ),
    ] = "rf,scratch,finetune,equal,tapweight",
    objectives: Objectives = DEFAULT_OBJECTIVES,
    seeds: Annotated[int, typer.Option(help="Number of seeds, counted from 0.")] = 3,
    split: Annotated[
        str, typer.Option(help="scaffold, chiral-scaffold, random-scaffold or random.")
    ] = "scaffold",
    budget: Annotated[str, typer.Option(help="smoke, quick, standard or full.")] = "standard",
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder with moleculenet/NAME.csv.gz, searched before $MOLWEIGHT_DATA."),
    ] = None,
    checkpoint: Checkpoint = "molweight_gin",
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
    every: Annotated[
        int, typer.Option(help="Steps of pretraining to one step of the weights; more cost less.")
    ] = 1,
    share_view: Annotated[
        bool, typer.Option("--share-view", help="Attribute masking and edge prediction share a masked view.")
    ] = False,
    jobs: Jobs = 1,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Compare learned objective weights with baselines on MoleculeNet.

    Prints each method's test metric over seeds, and the learned weights. Writes report.json, the split,
    the rejected rows and pictures to the output folder (a subfolder for each set where there are several).
    What a run has reached is kept there as it goes: an interrupted one goes on with --resume and the same
    options, to the same numbers. --methods tapweight,tapweight@proximal=10@every=5 compares a method that
    learns weights with itself under other settings. Under torchrun the methods equal and tapweight run
    data-parallel. See molweight bench suite --help for many sets, methods and seeds at once, in a folder
    of results, and molweight bench report --help for the tables and pictures of one.
    """
    from rich.console import Console

    console = Console(quiet=launched()[0] > 0)
    console.print(
        f"molweight bench {' '.join(names)}: {methods}; {seeds} seeds, {split} split, {budget} budget"
    )
    from molweight.benchmarks.bench import BenchConfig, check_names, run_bench
    from molweight.benchmarks.folders import output_folders, resumed_folders
    from molweight.benchmarks.outcomes import FOLDER as OUTCOMES
    from molweight.benchmarks.outcomes import Outcomes
    from molweight.benchmarks.planted import run_planted
    from molweight.benchmarks.planted_report import PLANT_REPORT, print_planted, write_planted
    from molweight.benchmarks.report import print_report, write_report
    from molweight.encoders.compute import choose_compute
    from molweight.objectives import find_objectives

    check_names(names)
    if raw and not plant:
        raise ConfigError("--raw goes with --plant, of which it is an ablation")
    if plant and jobs != 1:
        raise ConfigError("--jobs does not go with --plant, which runs one seed after the other")
    compute, kinds = choose_compute(device, precision), find_objectives(objectives)
    config = BenchConfig(
        methods,
        kinds,
        seeds,
        split,
        budget,
        data_dir,
        checkpoint,
        compute,
        every=every,
        shared_view=share_view,
        jobs=jobs,
    )
    if plant:
        refuse_ranks("--plant")
        for name, folder in output_folders(tuple(names), out, overwrite, PLANT_REPORT).items():
            print_planted(write_planted(run_planted(name, config, not raw), folder), folder, console)
        return
    with joined_ranks(compute.device) as ranks:
        config = replace(config, ranks=ranks)
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
