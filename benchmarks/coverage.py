"""`python -m molweight.benchmarks.coverage`: do intervals and sets hold the truth as often as was asked?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from molweight.benchmarks.program import run_program
from molweight.encoders.compute import choose_compute
from molweight.molecules.splits import random_scaffold_split, random_split
from molweight.molecules.store import store_from_smiles
from molweight.reports.json_file import write_json
from molweight.reports.progress import announce
from molweight.screening.adapt import AdaptConfig, adapt
from molweight.screening.model import Predicted
from molweight.screening.training_set import TrainingSet, load_training
from molweight.screening.trials import Trials

SPLITS = {"random": random_split, "random-scaffold": random_scaffold_split}
COVERAGES = (0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Held:
    """Coverage on held-out molecules, of one split with one seed: share covered for each that was asked."""

    split: str
    seed: int
    method: str
    molecules: int
    covered: dict[float, float]
    inside: float


def held_out(
    training: TrainingSet, split: str, seed: int, config: AdaptConfig, coverages: Sequence[float] = COVERAGES
) -> Held:
    """Adapt to all but a tenth of the molecules, and look at that tenth.

    Args:
        training: all labelled molecules.
        split: of `SPLITS`, that draws the tenth.
        seed: of the draw and of adapting.
        config: of adapting.
        coverages: to ask for.
    """
    data = training.data
    drawn = SPLITS[split](data.smiles, seed)
    rest = np.sort(np.concatenate([drawn.train, drawn.valid]))
    with TemporaryDirectory() as folder:
        kept = Trials(Path(folder) / "trials")
        kept.begin({}, resume=False, overwrite=False)
        model = adapt(part_of(training, rest), replace(config, seed=seed), kept).model
    smiles = [data.smiles[i] for i in drawn.test]
    store, labels = store_from_smiles(smiles), data.labels[drawn.test]
    covered, inside = {}, 0.0
    for coverage in coverages:
        predicted = model.predict(smiles, store, coverage)
        covered[coverage] = share_covered(predicted, labels)
        inside = float(predicted.neighbours.inside.mean())
    return Held(split, seed, model.about.method, len(smiles), covered, inside)


def part_of(training: TrainingSet, molecules: NDArray[np.int64]) -> TrainingSet:
    """Some of the molecules, as if there were no others."""
    data = training.data
    smiles = [data.smiles[i] for i in molecules]
    part = replace(data, smiles=smiles, store=store_from_smiles(smiles), labels=data.labels[molecules])
    return replace(training, data=part, rows=training.rows[molecules])


def share_covered(predicted: Predicted, labels: NDArray[np.float32]) -> float:
    """Share of the labels present that lie in their interval or set."""
    present = ~np.isnan(labels)
    if predicted.sets is not None:
        covered = np.where(labels == 1, predicted.sets[..., 1], predicted.sets[..., 0])
    if predicted.lower is not None and predicted.upper is not None:
        covered = (predicted.lower <= labels) & (labels <= predicted.upper)
    return float(covered[present].mean())


def summarise(found: Sequence[Held]) -> dict[str, Any]:
    """Of each split, mean and spread over seeds of the share covered, for each coverage asked."""
    result: dict[str, Any] = {}
    for split in dict.fromkeys(held.split for held in found):
        mine = [held for held in found if held.split == split]
        result[split] = {
            "seeds": [held.seed for held in mine],
            "methods": [held.method for held in mine],
            "molecules": [held.molecules for held in mine],
            "inside": float(np.mean([held.inside for held in mine])),
            "covered": {str(asked): [held.covered[asked] for held in mine] for asked in mine[0].covered},
        }
    return result


def coverage_table(title: str, result: dict[str, Any]) -> Table:
    """A line for each split and coverage asked."""
    table = Table(title=title)
    for heading in ("split", "asked", "covered", "spread", "off by", "in domain"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split, row in result.items():
        for asked, values in row["covered"].items():
            mean = float(np.mean(values))
            spread = f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            table.add_row(
                split, asked, f"{mean:.3f}", spread, f"{mean - float(asked):+.3f}", f"{row['inside']:.0%}"
            )
    return table


def coverage(
    table: Annotated[Path, typer.Argument(help="Table of measured molecules.")],
    target: Annotated[str, typer.Option(help="Column of labels.")],
    methods: Annotated[str, typer.Option(help="Comma-separated; the best by validation is chosen.")] = "rf",
    budget: Annotated[str, typer.Option(help="smoke, quick, standard or full.")] = "quick",
    seeds: Annotated[int, typer.Option(help="Draws of the held-out tenth.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Hold out a tenth of a table again and again, adapt to the rest, and count what was covered."""
    training = load_training(table, [target])
    config = AdaptConfig(methods, budget, compute=choose_compute("auto", "auto"))
    found = []
    for split in SPLITS:
        for seed in range(seeds):
            found.append(held_out(training, split, seed, config))
            announce(f"{split}, seed {seed}: {found[-1].covered}")
    result = summarise(found)
    Console().print(coverage_table(f"{table.name}: {target}, {methods}, {seeds} seeds", result))
    if json_file:
        asked = {"table": table.name, "target": target, "methods": methods, "budget": budget}
        write_json({**asked, "splits": result}, json_file)


def main() -> None:
    """The program."""
    run_program(coverage)


if __name__ == "__main__":
    main()
