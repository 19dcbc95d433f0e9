"""`python -m molweight.benchmarks.transfer_bias`: how far cheap designs are from training at every point."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from molweight.benchmarks.program import run_program
from molweight.benchmarks.transfer_sets import find_table
from molweight.reports.json_file import write_json
from molweight.reports.progress import announce
from molweight.transfer.data import read_transfer
from molweight.transfer.designs import Design, TransferConfig
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.gains import pair_gains
from molweight.transfer.parts import PARTS
from molweight.transfer.setting import Setting, make_setting

WIDE = 110  # columns that the table needs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores of one design on all folds, as a run has them, and the processor time that they took."""

    alone: Array
    pairs: Array
    context: Array
    seconds: float


@dataclass(frozen=True)
class Bias:
    """A design beside the full one, on the same folds and sizes.

    Attributes:
        design: its name.
        alone: mean difference of the scores of tasks alone.
        pair: likewise with samples of one other task.
        context: likewise with samples of all others.
        gain: mean difference of the gains of pairs.
        gain_rmse: root of their mean squared difference.
        pearson: correlation of the gains, over pairs.
        spearman: that of their ranks.
        pairs: whose gains both have.
        named: pairs that the full design tells from 0.
        same_sign: of these, those whose gain has the same sign here.
        seconds: of the processor, for all scores.
        share: of the full design's.
    """

    design: str
    alone: float
    pair: float
    context: float
    gain: float
    gain_rmse: float
    pearson: float
    spearman: float
    pairs: int
    named: int
    same_sign: int
    seconds: float
    share: float


def score_design(setting: Setting, folds: Sequence[Fold], design: Design) -> Scored:
    """All scores of one design, in this process."""
    parts, tasks = PARTS[design], range(len(setting.data.tasks))
    begun = time.process_time()
    alone = np.stack([parts.alone(setting, fold) for fold in folds])
    pairs = [np.stack([parts.helper(setting, fold, j) for j in tasks], axis=-1) for fold in folds]
    context = [np.stack([parts.context(setting, fold, i)[0] for i in tasks], axis=-1) for fold in folds]
    return Scored(alone, np.stack(pairs), np.stack(context), time.process_time() - begun)


def compare(design: str, found: Scored, full: Scored, level: float) -> Bias:
    """Differences from the full design.

    Args:
        design: its name.
        found: its scores.
        full: those of the full design.
        level: at which the full design's gains are told from 0.
    """
    mine, theirs = (pair_gains(each.alone, each.pairs, level) for each in (found, full))
    both = np.isfinite(mine.mean) & np.isfinite(theirs.mean)
    a, b = mine.mean[both], theirs.mean[both]
    named = theirs.named & both
    varied = len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0
    pearson, spearman = (
        float(correlate(a, b).statistic) if varied else float("nan")
        for correlate in (stats.pearsonr, stats.spearmanr)
    )
    return Bias(
        design,
        float(np.nanmean(found.alone - full.alone)),
        float(np.nanmean(found.pairs - full.pairs)),
        float(np.nanmean(found.context - full.context)),
        float((a - b).mean()),
        float(np.sqrt(((a - b) ** 2).mean())),
        pearson,
        spearman,
        len(a),
        int(named.sum()),
        int((np.sign(mine.mean[named]) == np.sign(theirs.mean[named])).sum()),
        found.seconds,
        found.seconds / full.seconds,
    )


def measure(setting: Setting, folds: Sequence[Fold], again: bool = True) -> list[Bias]:
    """The cheap designs beside the full one, and the full one beside itself with other weights and batches.

    Args:
        setting: of the scores.
        folds: of the samples.
        again: whether the full design is scored twice.
    """
    other = replace(setting, config=replace(setting.config, seed=setting.config.seed + 1))
    asked: dict[str, tuple[Setting, Design]] = {
        "full": (setting, "full"),
        "efficient": (setting, "efficient"),
        "walk": (setting, "walk"),
        **({"full, other seed": (other, "full")} if again else {}),
    }
    found = {}
    for name, (each, design) in asked.items():
        found[name] = score_design(each, folds, design)
        announce(f"{name}: {found[name].seconds:.0f} s")
    full = found.pop("full")
    return [compare(name, scored, full, setting.config.level) for name, scored in found.items()]


def bias_table(title: str, biases: Sequence[Bias]) -> Table:
    """A line for each design."""
    table = Table(
        title=title, caption="differences from the full design; gains are of pairs, mean over own sizes"
    )
    table.add_column("design")
    for heading in ("alone", "with one", "with all", "gain", "RMSE", "r", "ρ", "signs", "seconds", "of full"):
        table.add_column(heading, justify="right")
    for each in biases:
        differences = (each.alone, each.pair, each.context, each.gain)
        table.add_row(
            each.design,
            *(f"{value:+.3f}" for value in differences),
            f"{each.gain_rmse:.3f}",
            f"{each.pearson:+.2f}",
            f"{each.spearman:+.2f}",
            f"{each.same_sign} of {each.named}",
            f"{each.seconds:.1f}",
            f"{each.share:.1%}",
        )
    return table


def bias(
    table: Annotated[str, typer.Argument(help="As molweight transfer takes it.")] = "kiba",
    tasks: Annotated[int, typer.Option(help="Tasks, those of the most labels.")] = 4,
    folds: Annotated[int, typer.Option(help="Folds to test on.")] = 3,
    fold_kind: Annotated[
        Literal["compound", "scaffold"], typer.Option(help="What stays together.")
    ] = "compound",
    points: Annotated[int, typer.Option(help="Sizes of a task's own samples.")] = 3,
    smallest: Annotated[int, typer.Option(help="Labels in the smallest sample.")] = 16,
    largest: Annotated[int, typer.Option(help="Labels in the largest sample.")] = 128,
    learner: Annotated[Literal["mlp", "gin"], typer.Option(help="Of the full design and the walk.")] = "mlp",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of a full training, else the learner's own.")
    ] = None,
    again: Annotated[bool, typer.Option(help="Score the full design with a second seed too.")] = True,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    data_dir: Annotated[Path | None, typer.Option(help="Searched for named sets first.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Score the same samples in full, by a walk and in closed form, and say how far the last two are off."""
    config = TransferConfig(
        folds, fold_kind, points=points, smallest=smallest, largest=largest, seed=seed, learner=learner
    )
    if steps:
        config = replace(
            config, network=replace(config.network, steps=steps), gin=replace(config.gin, steps=steps)
        )
    data = read_transfer(*find_table(table, data_dir)).best_measured(tasks)
    setting = make_setting(data, config)
    biases = measure(setting, make_folds(data, fold_kind, folds, seed), again)
    title = (
        f"{data.source}: {biases[0].pairs} pairs of {len(data.tasks)} tasks, {folds} {fold_kind} folds, "
        f"{', '.join(map(str, setting.grid.own))} own samples"
    )
    console = Console()
    console.width = max(console.width, WIDE)
    console.print(bias_table(title, biases))
    if json_file:
        figures = [asdict(each) for each in biases]
        write_json({"config": asdict(config), "grid": asdict(setting.grid), "designs": figures}, json_file)


def main() -> None:
    """The program."""
    run_program(bias)


if __name__ == "__main__":
    main()
