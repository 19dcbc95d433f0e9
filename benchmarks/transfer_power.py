"""`python -m molweight.benchmarks.transfer_power`: how often help among tasks is found, at what cost."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from molweight.benchmarks.program import run_program
from molweight.benchmarks.transfer_families import FAMILIES, TASKS, make_family
from molweight.errors import ConfigError
from molweight.reports.json_file import write_json
from molweight.reports.progress import announce
from molweight.transfer.confirm import transfers
from molweight.transfer.designs import Grid
from molweight.transfer.fitting import fit_with_others
from molweight.transfer.folds import Fold, make_folds
from molweight.transfer.gains import Gains, over_folds, pair_gains
from molweight.transfer.network import NetworkConfig, sampled_labels, train_network
from molweight.transfer.scan import Setting, scan_alone, scan_helper
from molweight.transfer.scoring import score_task
from molweight.transfer.tag import TagConfig, affinities

GRID = Grid((16, 32, 64), (64, 160), (160,))
FOLDS = 5
NETWORK = NetworkConfig(steps=120, width=64, dropout=0.0, lr=5e-3)
TAG = TagConfig(steps=100)

Array = NDArray[np.float64]
Signs = dict[tuple[int, int], int]  # 1 helps, -1 harms, 0 cannot be told; by (helped, helper)


@dataclass(frozen=True)
class Verdicts:
    """What one method says of the pairs that it looked at, and the processor time that it took."""

    signs: Signs
    seconds: float


@dataclass(frozen=True)
class Tally:
    """Over data sets of one family: pairs called helping and harming, of how many, and seconds a pair."""

    family: str
    method: str
    pairs: int
    helping: int
    harming: int
    seconds: float


PAIRS = tuple(permutations(range(TASKS), 2))
TRAINED = PAIRS[::3]  # for which networks are trained, in each task's turn


def efficient(setting: Setting, folds: Sequence[Fold]) -> dict[str, Verdicts]:
    """Both verdicts on curves of the closed form."""
    begun = time.process_time()
    alone = np.stack([scan_alone(setting, fold) for fold in folds])
    helpers = [np.stack([scan_helper(setting, fold, j) for j in range(TASKS)], axis=-1) for fold in folds]
    return _by_curves("efficient", alone, np.stack(helpers), PAIRS, time.process_time() - begun)


def full(setting: Setting, folds: Sequence[Fold]) -> dict[str, Verdicts]:
    """Both verdicts on curves of networks trained afresh at every point, for some of the pairs."""
    begun = time.process_time()
    own, other = setting.grid.own, setting.grid.other
    alone = np.full((len(folds), len(own), TASKS), np.nan)
    helped_by = np.full((len(folds), len(own), len(other), TASKS, TASKS), np.nan)
    for f, fold in enumerate(folds):
        for i in {helped for helped, _ in TRAINED}:
            alone[f, :, i] = [_trained(setting, fold, i, n, None, 0) for n in own]
        for i, j in TRAINED:
            helped_by[f, :, :, i, j] = [[_trained(setting, fold, i, n, j, m) for m in other] for n in own]
    return _by_curves("full", alone, helped_by, TRAINED, time.process_time() - begun)


def tag(setting: Setting, folds: Sequence[Fold]) -> dict[str, Verdicts]:
    """Affinities with an interval over trainings that each leave one fold out."""
    begun = time.process_time()
    found = []
    for seed, fold in enumerate(folds):
        train = np.unique(np.concatenate(fold.orders))
        features, labels = setting.features.values[train], setting.data.labels[train]
        found.append(affinities(features, labels, setting.data.kind, TAG, seed))
    signs = _outside(over_folds(np.stack(found)), PAIRS)
    return {"TAG": Verdicts(signs, time.process_time() - begun)}


def tally(
    family: str, data_sets: int, trained: int, molecules: int, noise: float, likeness: float
) -> list[Tally]:
    """Make data sets of a family and count the verdicts of each method.

    Args:
        family: of `FAMILIES`.
        data_sets: how many, seeds from 0.
        trained: of these, those that networks are trained on at every point.
        molecules: of each.
        noise: of the labels.
        likeness: of tasks that share something.
    """
    found: dict[str, list[Verdicts]] = {}
    for seed in range(data_sets):
        data, features = make_family(family, molecules, noise, likeness, seed)
        setting, folds = Setting(data, features, GRID), make_folds(data, "compound", FOLDS, seed)
        for method in (efficient, tag, full) if seed < trained else (efficient, tag):
            for name, verdicts in method(setting, folds).items():
                found.setdefault(name, []).append(verdicts)
    return [_count(family, name, verdicts) for name, verdicts in found.items()]


def power_table(title: str, tallies: Sequence[Tally]) -> Table:
    """A line for each family and method."""
    table = Table(title=title)
    for heading in ("family", "method", "pairs", "called helping", "called harming", "seconds a pair"):
        table.add_column(heading, justify="left" if heading in ("family", "method") else "right")
    for each in tallies:
        shares = [f"{count / each.pairs:.0%}" for count in (each.helping, each.harming)]
        table.add_row(each.family, each.method, str(each.pairs), *shares, f"{each.seconds:.2f}")
    return table


def power(
    families: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(FAMILIES),
    data_sets: Annotated[int, typer.Option(help="Data sets of each family.")] = 10,
    trained: Annotated[int, typer.Option(help="Of these, those to train networks on at every point.")] = 2,
    molecules: Annotated[int, typer.Option(help="Molecules of a data set.")] = 400,
    noise: Annotated[float, typer.Option(help="Standard deviation of labels about a signal of 1.")] = 0.5,
    likeness: Annotated[float, typer.Option(help="Correlation of tasks that share something.")] = 0.8,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Make families of tasks of known transfer, and count what each method says of their pairs."""
    tallies: list[Tally] = []
    for family in _known(families):
        tallies += tally(family, data_sets, trained, molecules, noise, likeness)
        announce(f"{family}: done")
    title = f"{data_sets} data sets of each family, noise {noise:g}, likeness {likeness:g}"
    Console().print(power_table(title, tallies))
    if json_file:
        asked = {"data_sets": data_sets, "trained": trained, "molecules": molecules}
        settings: dict[str, Any] = {
            "grid": asdict(GRID),
            "folds": FOLDS,
            "network": asdict(NETWORK),
            "tag": asdict(TAG),
        }
        write_json(
            {
                **asked,
                "noise": noise,
                "likeness": likeness,
                **settings,
                "tallies": [asdict(each) for each in tallies],
            },
            json_file,
        )


def main() -> None:
    """The program."""
    run_program(power)


def _known(families: str) -> list[str]:
    names = families.split(",")
    if unknown := [name for name in names if name not in FAMILIES]:
        raise ConfigError(f"--families {unknown[0]}: there are {', '.join(FAMILIES)}")
    return names


def _by_curves(
    name: str, alone: Array, pairs: Array, asked: Sequence[tuple[int, int]], seconds: float
) -> dict[str, Verdicts]:
    """By the interval of the gain, and by that of the rate of a curve."""
    gains = _outside(pair_gains(alone, pairs), asked)
    begun = time.process_time()
    other, rates = np.array(GRID.other, np.float64), {}
    for i, j in asked:
        fit = fit_with_others(GRID, alone[:, :, i], pairs[:, :, :, i, j], other, 0.95)
        rates[i, j] = 0 if fit is None else transfers(fit)
    fitting = time.process_time() - begun
    return {
        f"{name} curves, gain": Verdicts(gains, seconds),
        f"{name} curves, rate": Verdicts(rates, seconds + fitting),
    }


def _outside(gains: Gains, pairs: Sequence[tuple[int, int]]) -> Signs:
    """Whether the interval lies above or below 0."""
    return {pair: int(gains.low[pair] > 0) - int(gains.high[pair] < 0) for pair in pairs}


def _trained(setting: Setting, fold: Fold, i: int, own: int, j: int | None, other: int) -> float:
    """Score of a network for a task, from its own samples and those of another."""
    samples = [(i, fold.orders[i][:own])] + ([] if j is None else [(j, fold.orders[j][:other])])
    molecules, labels = sampled_labels(setting.data.labels, samples)
    features, test = setting.features.values, fold.tests[i]
    predicted = train_network(features[molecules], labels, features[test], setting.data.kind, NETWORK, 0)
    truth = setting.data.labels[test, i].astype(np.float64)
    return score_task(setting.data.kind, truth, predicted[:, 0].astype(np.float64))


def _count(family: str, method: str, verdicts: Sequence[Verdicts]) -> Tally:
    signs = [sign for each in verdicts for sign in each.signs.values()]
    seconds = sum(each.seconds for each in verdicts) / len(signs)
    return Tally(family, method, len(signs), signs.count(1), signs.count(-1), seconds)


if __name__ == "__main__":
    main()
