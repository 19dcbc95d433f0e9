"""What learning the weights adds to an iteration: multiples of one pretrain and one finetune step."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

from rich.table import Table

from molweight.benchmarks.speed.agreement import check_agreement, compare
from molweight.benchmarks.speed.betty_loop import start_betty
from molweight.benchmarks.speed.setting import CURVATURE_BATCH, Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.solver import LoopConfig, conjugate_gradient, learn_weights, neumann

ENDLESS = 10**9  # iterations
UNIT = "plain"
BETTY = "betty"

SHARED = "identity, shared view"

# what differs from the loop's defaults; `plain` is a loop that never leaves its warm-up
ROWS: dict[str, dict[str, Any]] = {
    UNIT: {"warmup": ENDLESS},
    "identity": {},
    SHARED: {},
    "conjugate_gradient, 5 steps, level II": {"level2": conjugate_gradient(5), "curvature": "gauss_newton"},
    f"conjugate_gradient, 5 steps, both, level I on {CURVATURE_BATCH} molecules": {
        "level1": conjugate_gradient(5),
        "level2": conjugate_gradient(5),
        "curvature": "gauss_newton",
    },
    "neumann, 5 terms, level II": {"level2": neumann(5, 0.01), "curvature": "gauss_newton"},
}


def loop_config(**changes: Any) -> LoopConfig:
    """A loop that begins to reweight at once and does not end."""
    return LoopConfig(**{"steps": ENDLESS, "warmup": 0, **changes})


def iteration_calls(setting: Setting) -> dict[str, Callable[[], object]]:
    """One iteration of each row, each on a state of its own; betty's where it is installed."""
    calls: dict[str, Callable[[], object]] = {}
    for label, changes in ROWS.items():
        config = loop_config(**changes)
        state = setting.start(config, shared_view=label == SHARED)
        calls[label] = partial(next, learn_weights(state, setting.batches, config))
    if find_spec(BETTY):
        config = loop_config()
        calls[BETTY] = start_betty(setting.start(config), setting.batches, config).step
    return calls


def iteration(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time the rows in turn; where betty takes part, say how well it agrees with this program."""
    found = compare(setting, loop_config()) if find_spec(BETTY) else None
    if found is not None:
        check_agreement(found)
    seconds = time_in_turn(iteration_calls(setting), config.rounds, config.warmup)
    rows = {
        label: {"cost": asdict(ratio(took, seconds[UNIT])), "seconds": median(took)}
        for label, took in seconds.items()
    }
    return {"rows": rows, "agreement": found, "left_out": [] if found else [BETTY]}


def iteration_table(result: dict[str, Any]) -> Table:
    """A line for each row."""
    table = Table(title="one three-level iteration", caption=_caption(result))
    for heading in ("best response", "cost", "quartiles", "seconds"):
        table.add_column(heading, justify="left" if heading == "best response" else "right")
    for label, row in result["rows"].items():
        cost = row["cost"]
        table.add_row(
            label,
            f"{cost['median']:.2f}",
            f"{cost['lower']:.2f} to {cost['upper']:.2f}",
            f"{row['seconds']:.3f}",
        )
    return table


def _caption(result: dict[str, Any]) -> str:
    agreement = result["agreement"]
    if agreement is None:
        return f"cost as a multiple of {UNIT}; betty is not installed and left out"
    error = agreement["loss_error"]
    same = f"to {error:.0e}" if error else "to the last bit"
    return (
        f"cost as a multiple of {UNIT}; betty's losses are the same {same}, "
        f"the cosine of its hypergradient with identity's is {agreement['cosine']:.4f}"
    )
