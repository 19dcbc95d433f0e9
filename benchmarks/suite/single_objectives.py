"""How much scores depend on the objective: what pretraining with one alone comes to, against seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.benchmarks.plain_table import PlainTable
from molweight.benchmarks.suite.agreement import SINGLE
from molweight.benchmarks.suite.numbers import Told, best_of, heading, number, p_value, score_over_seeds
from molweight.benchmarks.suite.sensitivity import FEWEST, PARTS, complete
from molweight.reports.words import label
from molweight.tasks.variants import base_of, settings_of

Array = NDArray[np.float64]


def single_objective_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Spread of scores over objectives that are pretrained with alone, at the same settings.

    There are none where fewer than two were run.
    """
    alone = [method for method in methods if method.startswith(SINGLE)]
    settings = dict.fromkeys(map(settings_of, alone))
    each = ([m for m in alone if settings_of(m) == setting] for setting in settings)
    found = [_table(split, told["sets"], compared) for compared in each if len(compared) > 1]
    return [table for table in found if table.rows]


def blocked_variance(scores: Array) -> tuple[float, float, float]:
    """Deviations of two normal effects in randomised blocks, and the p that the first is none.

    Args:
        scores: [treatments, blocks].

    Returns:
        Deviation of treatments, beyond what chance gives; of what is left when treatments and blocks are
        taken off; p of Fisher's F of the one on the other.
    """
    treatments, blocks = scores.shape
    effects, mean = scores.mean(1, keepdims=True), scores.mean()
    left = scores - effects - scores.mean(0, keepdims=True) + mean
    freedom = treatments - 1, (treatments - 1) * (blocks - 1)
    between = blocks * float(np.sum((effects - mean) ** 2)) / freedom[0]
    within = float(np.sum(left**2)) / freedom[1]
    p = float(stats.f.sf(between / within, *freedom)) if within else float("nan")
    return float(np.sqrt(max(0.0, between - within) / blocks)), float(np.sqrt(within)), p


def _table(split: str, sets: Mapping[str, Told], compared: Sequence[str]) -> PlainTable:
    headings = ("set", "part", "seeds", "best alone", "worst alone", "spread of objectives", "of seeds", "p")
    rows = tuple(
        (heading(name, entry), part, *_cells(entry, part, compared))
        for name, entry in sets.items()
        for part in PARTS
        if entry["seeds"] >= FEWEST and all(complete(entry["methods"][m][part], entry) for m in compared)
    )
    notes = (
        f"Of {len(compared)} objectives. Spread of objectives: standard deviation of their mean scores "
        "beyond what seeds account for; of seeds: of what neither objective nor seed explains alone.",
        "p: Fisher's F-test that all objectives come to the same on these molecules, seeds being blocks.",
    )
    title = f"{split}: how much scores depend on the objective that is pretrained with alone"
    title += settings_of(compared[0])
    return PlainTable(title, headings, rows, notes)


def _cells(entry: Told, part: str, compared: Sequence[str]) -> tuple[str, ...]:
    scores = {method: entry["methods"][method][part] for method in compared}
    means = {method: float(np.mean(values)) for method, values in scores.items()}
    best = best_of(means, entry)
    worst = best_of(means, {"higher_is_better": not entry["higher_is_better"]})
    objectives, seeds, p = blocked_variance(np.array(list(scores.values())))
    return (
        str(entry["seeds"]),
        *(f"{_objective(m)} {score_over_seeds(scores[m], entry, m)}" for m in (best, worst) if m),
        number(objectives, entry),
        number(seeds, entry),
        p_value(p),
    )


def _objective(method: str) -> str:
    return label(base_of(method).removeprefix(SINGLE).replace("-", "_"))
