"""Hessian-vector products on the GIN: what finite differences of the gradient lose and save."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from statistics import median
from typing import Any

import torch
from rich.table import Table
from torch import Tensor
from torch.func import functional_call, grad

from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.encoders.compute import Compute
from molweight.solver.curvature import (
    Params,
    axpy,
    finite_difference_product,
    frozen_statistics,
    hessian_vector_product,
    norm,
)

STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # times 1/‖v‖
DARTS_STEP = 1e-2
UNIT = "gradient"
EXACT = "exact"
DIFFERENCES = "differences"

Loss = Callable[[Params], Tensor]


def hvp(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Error and cost of each product of the fine-tuning loss with the validation gradient, in float64.

    That vector is the one the solver starts from.
    """
    unrounded = replace(setting, compute=Compute(setting.compute.device, torch.float32))  # no autocast
    problem = unrounded.finetune_problem(dropout=0.0).double()
    problem.requires_grad_(False)  # else autograd records what torch.func does, and the time of both counts
    omega = {name: p.detach() for name, p in problem.encoder.named_parameters()}
    batch = setting.batches(0)

    def loss_on(labelled: Any, params: Params) -> Tensor:
        inside = {f"encoder.{name}": value for name, value in params.items()}
        return problem.loss(functional_call(problem, inside, (labelled,)), labelled)

    with frozen_statistics(problem):
        vector = grad(partial(loss_on, batch.valid))(omega)
        return measure(partial(loss_on, batch.finetune), omega, vector, config)


def measure(loss: Loss, params: Params, vector: Params, config: SpeedConfig) -> dict[str, Any]:
    """Rows by label: relative error against the exact product, and cost in plain gradients."""
    size = float(norm(vector))

    def differences(step: float) -> Params:
        return finite_difference_product(loss, params, vector, step / size)

    def exact() -> Params:
        return hessian_vector_product(loss, params, vector)

    # two gradients whatever the step: differences are timed once for all of them
    calls: dict[str, Callable[[], object]] = {
        UNIT: partial(grad(loss), params),
        EXACT: exact,
        DIFFERENCES: partial(differences, DARTS_STEP),
    }
    seconds = time_in_turn(calls, config.rounds, config.warmup)
    cost = {label: asdict(ratio(took, seconds[UNIT])) for label, took in seconds.items()}
    reference = exact()

    def error(found: Params) -> float:
        return float(norm(axpy(-1.0, reference, found)) / norm(reference))

    rows: dict[str, Any] = {EXACT: {"error": 0.0, "cost": cost[EXACT]}}
    for step in STEPS:
        rows[_label(step)] = {"error": error(differences(step)), "cost": cost[DIFFERENCES]}
    return {"rows": rows, "gradient_seconds": median(seconds[UNIT])}


def hvp_table(result: dict[str, Any]) -> Table:
    """A line for each product."""
    table = Table(
        title="Hessian-vector products in float64", caption="cost as a multiple of one plain gradient"
    )
    for heading in ("product", "relative error", "cost", "quartiles"):
        table.add_column(heading, justify="left" if heading == "product" else "right")
    for label, row in result["rows"].items():
        cost = row["cost"]
        error = "reference" if label == EXACT else f"{row['error']:.1e}"
        table.add_row(label, error, f"{cost['median']:.2f}", f"{cost['lower']:.2f} to {cost['upper']:.2f}")
    return table


def _label(step: float) -> str:
    return f"{DIFFERENCES}, step {step:.0e}/‖v‖" + (" (DARTS)" if step == DARTS_STEP else "")
