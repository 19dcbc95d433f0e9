"""`python -m molweight.benchmarks.transfer_power`: how often help among tasks is found, at what cost."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from molweight.benchmarks.program import run_program
from molweight.benchmarks.transfer_families import FAMILIES, make_family
from molweight.benchmarks.transfer_methods import (
    EFFICIENT,
    FOLDS,
    FULL,
    GRID,
    NETWORK,
    TAG,
    TAG_NAME,
    Verdicts,
    efficient,
    full,
    seconds_apart,
    tag,
    tag_of_equal_steps,
)
from molweight.benchmarks.transfer_outcomes import (
    Comparison,
    Interval,
    Outcome,
    Power,
    Tally,
    compare,
    powers,
    tally,
    told_comparison,
)
from molweight.benchmarks.transfer_picture import draw_power
from molweight.errors import ConfigError
from molweight.paths import replacing
from molweight.reports.json_file import write_json
from molweight.reports.progress import announce
from molweight.transfer.folds import make_folds
from molweight.transfer.setting import Setting

COMPARED = ((EFFICIENT, FULL), (TAG_NAME, FULL))


def try_family(
    family: str,
    data_sets: int,
    trained: int,
    molecules: int,
    noise: float,
    likeness: float,
    overlap: float = 1.0,
    rates: bool = True,
) -> list[Outcome]:
    """Make data sets of a family and ask every method.

    Args:
        family: of `FAMILIES`.
        data_sets: how many, seeds from 0.
        trained: of these, those that networks are trained on at every point.
        molecules: that each task is measured on.
        noise: of the labels.
        likeness: of tasks that share something.
        overlap: share of a task's molecules that it has in common with any other.
        rates: judge by fitted rates, too.
    """
    found = []
    for seed in range(data_sets):
        data, features = make_family(family, molecules, noise, likeness, seed, overlap)
        setting, folds = Setting(data, features, GRID), make_folds(data, "compound", FOLDS, seed)
        verdicts: dict[str, Verdicts] = {**efficient(setting, folds, rates), **tag(setting, folds)}
        if overlap < 1:
            verdicts |= tag_of_equal_steps(setting, folds)
        if seed < trained:
            verdicts |= full(setting, folds, rates)
        found += [Outcome(family, seed, overlap, name, each) for name, each in verdicts.items()]
    return found


def family_table(title: str, tallies: Sequence[Tally]) -> Table:
    """A line for each overlap, family and method."""
    headings = ("overlap", "family", "method", "pairs", "called helping", "called harming")
    table = _table(title, headings, ("family", "method"))
    for each in tallies:
        shares = [f"{count / each.pairs:.0%}" for count in (each.helping, each.harming)]
        table.add_row(f"{each.overlap:.0%}", each.family, each.method, str(each.pairs), *shares)
    return table


def power_table(found: Sequence[Power]) -> Table:
    """A line for each overlap and method, over the families."""
    headings = ("overlap", "method", "power", "false", "told (ROC-AUC)", "seconds a pair", "networks a pair")
    table = _table("Over families, with intervals", headings, ("method",))
    for each in found:
        told = "{:.2f} ({:.2f} to {:.2f})".format(*each.told)
        cost = (f"{each.seconds:.2f}", f"{each.networks:.1f}")
        table.add_row(
            f"{each.overlap:.0%}", each.method, _percent(each.power), _percent(each.false), told, *cost
        )
    return table


def power(
    families: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(FAMILIES),
    data_sets: Annotated[int, typer.Option(help="Data sets of each family.")] = 10,
    trained: Annotated[int, typer.Option(help="Of these, those to train networks on at every point.")] = 10,
    overlaps: Annotated[
        str, typer.Option(help="Shares of a task's molecules in common with others, comma-separated.")
    ] = "1",
    molecules: Annotated[int, typer.Option(help="Molecules that each task is measured on.")] = 400,
    noise: Annotated[float, typer.Option(help="Standard deviation of labels about a signal of 1.")] = 0.5,
    likeness: Annotated[float, typer.Option(help="Correlation of tasks that share something.")] = 0.8,
    rates: Annotated[bool, typer.Option(help="Judge by rates of fitted curves, too.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    picture: Annotated[Path | None, typer.Option(help="File for a picture of power against cost.")] = None,
) -> None:
    """Make families of tasks of known transfer, and count what each method says of their pairs."""
    names, shares = _known(families), _shares(overlaps)
    outcomes: list[Outcome] = []
    for overlap in shares:
        for name in names:
            outcomes += try_family(name, data_sets, trained, molecules, noise, likeness, overlap, rates)
            announce(f"{name} at an overlap of {overlap:.0%}: done")
    tallies, summed = tally(outcomes), powers(outcomes)
    compared = [each for pair in COMPARED if (each := compare(outcomes, *pair))]
    title = f"{data_sets} data sets of each family, noise {noise:g}, likeness {likeness:g}"
    _tell(title, tallies, summed, compared)
    apart = _seconds_apart(molecules, noise, likeness) if trained else None
    if apart is not None:
        text = f"a network trained by itself takes {apart:.3f} s, in place of in a stack of a fold's"
        Console().print(text, highlight=False)
    asked = {"data_sets": data_sets, "trained": trained, "molecules": molecules}
    if json_file:
        settings = {
            **asked,
            "seconds_of_a_network_apart": apart,
            "noise": noise,
            "likeness": likeness,
            **_settings(),
        }
        write_json({**settings, **_figures(tallies, summed, compared)}, json_file)
    if picture:
        with replacing(picture) as temporary:
            draw_power(summed).savefig(temporary, format="png", dpi=150)


def main() -> None:
    """The program."""
    run_program(power)


def _known(families: str) -> list[str]:
    names = families.split(",")
    if unknown := [name for name in names if name not in FAMILIES]:
        raise ConfigError(f"--families {unknown[0]}: there are {', '.join(FAMILIES)}")
    return names


def _shares(overlaps: str) -> list[float]:
    try:
        shares = [float(each) for each in overlaps.split(",")]
    except ValueError:
        shares = []
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise ConfigError(f"--overlaps {overlaps}: give shares from 0 to 1, such as 0,0.3,1")
    return shares


def _tell(
    title: str, tallies: Sequence[Tally], summed: Sequence[Power], compared: Sequence[Comparison]
) -> None:
    console = Console()
    console.print(family_table(title, tallies))
    console.print(power_table(summed))
    for each in compared:
        console.print(told_comparison(each), highlight=False)


def _seconds_apart(molecules: int, noise: float, likeness: float) -> float:
    data, features = make_family("shared", molecules, noise, likeness, 0)
    folds = make_folds(data, "compound", FOLDS, 0)
    return seconds_apart(Setting(data, features, GRID), folds[0])


def _settings() -> dict[str, Any]:
    networks = {"network": asdict(NETWORK), "tag": asdict(TAG)}
    return {"grid": asdict(GRID), "folds": FOLDS, **networks}


def _figures(
    tallies: Sequence[Tally], summed: Sequence[Power], compared: Sequence[Comparison]
) -> dict[str, Any]:
    return {
        "tallies": [asdict(each) for each in tallies],
        "powers": [asdict(each) for each in summed],
        "comparisons": [asdict(each) for each in compared],
    }


def _table(title: str, headings: Sequence[str], words: Sequence[str]) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right")
    return table


def _percent(value: Interval) -> str:
    return "{:.0%} ({:.0%} to {:.0%})".format(*value)


if __name__ == "__main__":
    main()
