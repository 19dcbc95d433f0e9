"""`python -m molweight.benchmarks.choosing`: which split chooses a method for new scaffolds?

Whole scaffolds are held out of a data set. Methods are tried on splits of the rest, as `molweight adapt`
tries them on a table, then fitted to nearly all of the rest and scored on what was held out: a choice is as
good as the score there of the method that was chosen.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

import molweight
from molweight.benchmarks.cells import Setting, run_cell
from molweight.benchmarks.choosing_report import REFIT, choosing_tables
from molweight.benchmarks.loading import data_folders, find_data_set, load_data_set
from molweight.benchmarks.outcomes import Outcome, Outcomes
from molweight.benchmarks.program import run_program
from molweight.benchmarks.running import run_all
from molweight.encoders.checkpoints import DEFAULT, load_encoder
from molweight.encoders.compute import choose_compute
from molweight.errors import DataError
from molweight.molecules.splits import SPLITTERS, Split, random_scaffold_split, random_split
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.reports.json_file import write_json
from molweight.reports.progress import Advance
from molweight.tasks.budgets import find_budget
from molweight.tasks.methods import find_methods
from molweight.tasks.metrics import METRICS

# splits of the rest: how each is drawn, and its number among those drawn alike
INNER = {
    "scaffold": ("scaffold", 0),
    **{f"random-scaffold {n}": ("random-scaffold", n) for n in range(3)},
    "random": ("random", 0),
}
APART = 1000  # between seeds of what must not be drawn alike


def inner_split(smiles: Sequence[str], held: NDArray[np.int64], inner: str, draw: int) -> Split:
    """A split of all molecules but those held out, which are its test part.

    Args:
        smiles: of all molecules.
        held: positions of those held out.
        inner: of `INNER`, or `REFIT`: all of the rest but for a random tenth that says when to stop.
        draw: seed of the draw.

    Returns:
        Positions in `smiles`; the test part of the inner split is left out.
    """
    rest = np.setdiff1d(np.arange(len(smiles)), held)
    texts = [smiles[i] for i in rest]
    if inner == REFIT:
        drawn = random_split(texts, draw + APART)
        return Split(np.sort(rest[np.concatenate([drawn.train, drawn.test])]), rest[drawn.valid], held)
    splitter, number = INNER[inner]
    drawn = SPLITTERS[splitter](texts, draw + APART * (2 + number))
    return Split(rest[drawn.train], rest[drawn.valid], held)


def run_choosing(
    setting: Setting, name: str, methods: str, draws: int, folder: Path, identity: dict[str, Any], jobs: int
) -> dict[str, Any]:
    """Validation scores of each method on each inner split, and test scores after fitting it anew.

    Args:
        setting: data set, metric and budget.
        name: of the data set.
        methods: comma-separated names.
        draws: of what is held out.
        folder: of finished fits; what is there is not done again.
        identity: what a run that goes on must agree on.
        jobs: processes.

    Raises:
        DataError: if a part has one class alone, on which nothing can be scored.
    """
    found, smiles = find_methods(methods), setting.data.smiles
    held = [random_scaffold_split(smiles, draw).test for draw in range(draws)]

    def outcomes(inner: str) -> dict[str, list[Outcome]]:
        def run(method: str, draw: int, advance: Advance) -> Outcome:
            split = inner_split(smiles, held[draw], inner, draw)
            seed = draw + (APART if inner == REFIT else 0)  # no luck that both fits share
            return run_cell(setting, found[method], split, seed, advance=advance)

        kept = Outcomes(folder / inner.replace(" ", "-"))
        kept.begin(identity, resume=True, overwrite=False)
        return run_all(f"{name}, {inner}", found, draws, kept, setting.metric.name, run, jobs=jobs)

    def scores(inner: str, of: Callable[[Outcome], float]) -> dict[str, list[float]]:
        reached = {method: [of(each) for each in mine] for method, mine in outcomes(inner).items()}
        if np.isnan([*reached.values()]).any():
            raise DataError(f"{name}, {inner}: a part has labels of one class alone; name other --data-sets")
        return reached

    return {
        "kind": setting.data.kind,
        "metric": setting.metric.name,
        "higher_is_better": setting.metric.higher_is_better,
        "held": [len(part) for part in held],
        "valid": {inner: scores(inner, lambda outcome: outcome.valid) for inner in INNER},
        "test": scores(REFIT, lambda outcome: outcome.test.value),
    }


def choosing(
    data_sets: Annotated[
        str, typer.Option(help="Comma-separated MoleculeNet sets.")
    ] = "freesolv,esol,bbbp,bace",
    methods: Annotated[
        str, typer.Option(help="Comma-separated, to choose from.")
    ] = "rf,rf-descriptors,gbdt,finetune",
    draws: Annotated[int, typer.Option(min=1, help="Draws of the molecules held out.")] = 5,
    budget: Annotated[str, typer.Option(help="smoke, quick, standard or full.")] = "quick",
    out: Annotated[Path, typer.Option(help="Folder of finished fits, and of choosing.json.")] = Path(
        "choosing"
    ),
    jobs: Annotated[int, typer.Option(help="Fits at once; -1 for one on each core.")] = 1,
) -> None:
    """Hold scaffolds out, try methods on splits of the rest, and see which split chose well."""
    checkpoint, compute = load_encoder(DEFAULT, data_folders(None)), choose_compute("auto", "auto")
    sets = {}
    for name in map(str.strip, data_sets.split(",")):
        loaded, metric = load_data_set(name), METRICS[find_data_set(name).metric]
        setting = Setting(
            loaded.data, metric, find_budget(budget), compute, checkpoint, DEFAULT_GRAPH_OBJECTIVES
        )
        identity = {"data": loaded.sha256, "budget": budget, "version": molweight.__version__}
        sets[name] = run_choosing(setting, name, methods, draws, out / name, identity, jobs)
    result = {"budget": budget, "sets": sets}
    write_json(result, out / "choosing.json")
    for each in choosing_tables(result):
        each.show(Console())


def main() -> None:
    """The program."""
    run_program(choosing)


if __name__ == "__main__":
    main()
