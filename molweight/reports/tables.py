"""Tables for the terminal."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import JustifyMethod
from rich.table import Table

from molweight.reports.words import label


def mean_and_spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean and sample standard deviation; the mean alone where there is one value.

    >>> mean_and_spread([0.5, 0.7])
    '0.600 ± 0.141'
    >>> mean_and_spread([0.5])
    '0.500'
    """
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def scores_table(
    title: str, metric: str, higher_is_better: bool, methods: Mapping[str, Mapping[str, Sequence[float]]]
) -> Table:
    """A line for each method: test and validation metric over seeds, seconds a seed, cost against `finetune`.

    Args:
        title: of the table.
        metric: its name.
        higher_is_better: marks the column.
        methods: name to its `test`, `valid` and `seconds`, one value for each seed.
    """
    arrow = "↑" if higher_is_better else "↓"
    table = Table(title=title)
    for heading in (
        "method",
        f"test {label(metric)} {arrow}",
        f"valid {label(metric)} {arrow}",
        "seconds",
        "cost",
    ):
        justify: JustifyMethod = "left" if heading == "method" else "right"
        table.add_column(heading, justify=justify, overflow="fold")  # a variant's name may be long
    unit = np.mean(methods["finetune"]["seconds"]) if "finetune" in methods else None
    for name, values in methods.items():
        seconds = float(np.mean(values["seconds"]))
        cost = "" if unit is None else f"{seconds / unit:.1f}x"
        table.add_row(
            name, mean_and_spread(values["test"]), mean_and_spread(values["valid"]), f"{seconds:.1f}", cost
        )
    return table


def weights_table(
    title: str,
    weights: Mapping[str, Sequence[float]],
    evidence: Mapping[str, Mapping[str, Sequence[float]]],
) -> Table:
    """A line for each objective: its learned weight, in how many seeds it is above an equal share, and why.

    The last columns are the mean cosine of its gradient with the best response, and the signal-to-noise
    ratio of its hypergradient over the last steps, mean over seeds.

    Args:
        title: of the table.
        weights: objective to its last weight with each seed.
        evidence: objective to `cosine` and `signal_to_noise` with each seed.
    """
    table = Table(title=title)
    for heading in ("objective", "weight λ", "above equal", "cosine", "SNR"):
        table.add_column(heading, justify="left" if heading == "objective" else "right")
    totals = [sum(values) for values in zip(*weights.values(), strict=True)]  # of each seed; 1 for shares
    if any(abs(total - 1) > 1e-6 for total in totals):
        table.caption = f"overall strength {mean_and_spread(totals)}"
    for name, values in weights.items():
        above = sum(value > total / len(weights) for value, total in zip(values, totals, strict=True))
        found = evidence[name]
        table.add_row(
            label(name),
            mean_and_spread(values),
            f"{above} of {len(values)}",
            mean_and_spread(found["cosine"]),
            f"{np.mean(found['signal_to_noise']):.2f}",
        )
    return table
