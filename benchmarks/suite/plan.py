"""What a suite of benchmarks is asked to do: data sets x splits x methods x seeds, by presets or as named."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain, product
from typing import Any

from molweight.benchmarks.loading import find_data_set
from molweight.benchmarks.suite.presets import LARGE, PRESETS
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import SEEDED, SPLITTERS
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.tasks.budgets import find_budget
from molweight.tasks.methods import find_methods

REST = ("budget", "objectives", "checkpoint", "device", "precision", "data_dir", "unlabelled")


@dataclass(frozen=True)
class Cell:
    """One method with one seed on one split of one data set."""

    data_set: str
    split: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.data_set}, {self.split}: {self.method}, seed {self.seed}"


@dataclass(frozen=True)
class SuiteConfig:
    """What a suite is asked to do.

    Attributes:
        preset: what was not named came from it.
        data_sets: names, in the order in which they are done.
        methods: names, likewise.
        splits: names of splitters, likewise.
        seeds: number of seeds by data set, from 0.
        split_seeds: at most so many where another split is drawn for each seed.
        budget: name of every method's budget.
        objectives: names of those to pretrain on.
        checkpoint: encoder that the methods start from.
        device: as asked, so that it may be auto.
        precision: likewise.
        data_dir: folder searched first for data.
        unlabelled: file of molecules to pretrain on beside those of train.
    """

    preset: str
    data_sets: tuple[str, ...]
    methods: tuple[str, ...]
    splits: tuple[str, ...]
    seeds: Mapping[str, int]
    split_seeds: int
    budget: str
    objectives: tuple[str, ...] = DEFAULT_GRAPH_OBJECTIVES
    checkpoint: str = "molweight_gin"
    device: str = "auto"
    precision: str = "auto"
    data_dir: str | None = None
    unlabelled: str | None = None

    def __post_init__(self) -> None:
        for name in self.data_sets:
            find_data_set(name)
        find_methods(",".join(self.methods))
        find_budget(self.budget)
        if unknown := [split for split in self.splits if split not in SPLITTERS]:
            raise ConfigError(f"unknown split {', '.join(unknown)}; there are {', '.join(SPLITTERS)}")
        if fewest := [n for n in (*self.seeds.values(), self.split_seeds) if n < 1]:
            raise ConfigError(f"--seeds must be at least 1, got {fewest[0]}")
        if not (self.data_sets and self.splits):
            raise ConfigError("a suite needs a data set and a split at least; name some, or leave them out")

    def seeds_of(self, data_set: str, split: str) -> int:
        """Number of seeds on a split of a data set."""
        most = self.seeds[data_set]
        return min(most, self.split_seeds) if split in SEEDED else most

    def cells(self) -> list[Cell]:
        """In order: by data set, split, method and seed."""
        return [
            Cell(name, split, method, seed)
            for name, split, method in product(self.data_sets, self.splits, self.methods)
            for seed in range(self.seeds_of(name, split))
        ]


@dataclass(frozen=True)
class Named:
    """The options of a suite that were given; None and nothing for those that were not."""

    preset: str | None = None
    data_sets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    seeds: int | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)  # other fields of SuiteConfig


def plan_suite(named: Named, begun: SuiteConfig | None = None) -> SuiteConfig:
    """What is to be done: as named; else as the preset, where one is named; else as begun.

    Raises:
        ConfigError: if something named does not exist.
    """
    name = named.preset or (begun.preset if begun else "quick")
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    preset, before = PRESETS[name], None if named.preset else begun
    base = before or preset
    rest = {"budget": preset.budget} if before is None else {each: getattr(before, each) for each in REST}
    known, data_sets = before.seeds if before else {}, named.data_sets or base.data_sets
    splits = named.splits or base.splits
    usual = {each: known.get(each, preset.seeds[each in LARGE]) for each in data_sets}
    return SuiteConfig(
        name,
        data_sets,
        named.methods or base.methods,
        splits,
        usual if named.seeds is None else dict.fromkeys(data_sets, named.seeds),
        # more seeds of the headline alone leave what was finished on drawn splits finished
        base.split_seeds if named.seeds is None or SEEDED.isdisjoint(splits) else named.seeds,
        **(rest | {each: value for each, value in named.rest.items() if value is not None}),
    )


def widened(begun: SuiteConfig, asked: SuiteConfig) -> SuiteConfig:
    """All that was ever asked of one folder.

    Raises:
        ConfigError: if the outcomes of both could not stand in one table.
    """
    decide = ("budget", "objectives", "checkpoint")  # of molecules to pretrain on, their folder tells
    differing = [name for name in decide if getattr(begun, name) != getattr(asked, name)]
    if differing:
        raise ConfigError(
            f"the suite was begun with another {', another '.join(differing)}; leave that out to go on with "
            "it, or give --out in place of --resume"
        )
    names = _united(begun.data_sets, asked.data_sets)
    return replace(
        asked,
        preset=begun.preset,
        data_sets=names,
        methods=_united(begun.methods, asked.methods),
        splits=_united(begun.splits, asked.splits),
        seeds={name: max(begun.seeds.get(name, 0), asked.seeds.get(name, 0)) for name in names},
        split_seeds=max(begun.split_seeds, asked.split_seeds),
    )


def suite_json(config: SuiteConfig) -> dict[str, Any]:
    """As `suite_of` reads it."""
    return asdict(config)


def suite_of(found: Mapping[str, Any], source: str) -> SuiteConfig:
    """What `suite_json` wrote, whatever else stands beside it.

    Raises:
        DataError: if something is missing.
    """
    try:
        values: dict[str, Any] = {each.name: found[each.name] for each in fields(SuiteConfig)}
        values |= {name: tuple(each) for name, each in values.items() if isinstance(each, list)}
        return SuiteConfig(**values)
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: not of a suite of this version ({error}); begin another --out") from None


def _united(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain(*names)))
