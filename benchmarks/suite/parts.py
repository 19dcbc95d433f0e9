"""The parts that are told of a suite, each of them tables of one split, from what `summary.json` says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from molweight.benchmarks.plain_table import PlainTable
from molweight.benchmarks.suite.ensemble_tables import ensemble_tables
from molweight.benchmarks.suite.facts import cost_tables, failure_tables, set_tables, weight_tables
from molweight.benchmarks.suite.naming import shortened
from molweight.benchmarks.suite.rank_tables import goal_tables, rank_tables
from molweight.benchmarks.suite.selection import selection_tables
from molweight.benchmarks.suite.sensitivity import sensitivity_tables
from molweight.benchmarks.suite.single_objectives import single_objective_tables
from molweight.benchmarks.suite.tables import gain_tables, score_tables
from molweight.benchmarks.suite.validation import validation_tables
from molweight.errors import DataError

Tables = Callable[[str, Mapping[str, Any], Sequence[str]], list[PlainTable]]


def _both_sensitivities(split: str, told: Mapping[str, Any], methods: Sequence[str]) -> list[PlainTable]:
    """To weights drawn at random, and to the objective that is pretrained with alone."""
    return [*sensitivity_tables(split, told, methods), *single_objective_tables(split, told, methods)]


PARTS: dict[str, Tables] = {
    "sets": set_tables,
    "scores": score_tables,
    "gains": gain_tables,
    "ensembles": ensemble_tables,
    "validation": validation_tables,
    "selection": selection_tables,
    "sensitivity": _both_sensitivities,
    "ranks": rank_tables,
    "goals": goal_tables,
    "cost": cost_tables,
    "weights": weight_tables,
    "failures": failure_tables,
}


def tables_of(summary: Mapping[str, Any], part: str, split: str) -> list[PlainTable]:
    """The tables of a part of a summary, for one split.

    Args:
        summary: what `summary.json` says.
        part: of `PARTS`.
        split: one of those asked for.

    Raises:
        DataError: if there is no such part or split.
    """
    if part not in PARTS:
        raise DataError(f"a suite's summary has no part {part!r}; there are {', '.join(PARTS)}")
    if not {"asked", "splits"} <= summary.keys():
        raise DataError("not a suite's summary; `molweight bench report` writes one as summary.json")
    if split not in summary["splits"]:
        raise DataError(f"the suite has no {split!r} split; there are {', '.join(summary['splits'])}")
    methods = summary["asked"]["methods"]
    return [shortened(table, methods) for table in PARTS[part](split, summary["splits"][split], methods)]
