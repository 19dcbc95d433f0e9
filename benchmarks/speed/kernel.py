"""The GIN itself: a training step and inference, against DGL-LifeSci, PyTorch Geometric and bare products."""

import copy
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

import torch
from rich.table import Table
from torch import Tensor, nn

from molweight.benchmarks.speed.gin_peers import PEERS, installed_peers
from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.encoders.gin import GIN, Kernel
from molweight.encoders.shared_rows import plan_rows
from molweight.molecules.batch import GraphBatch
from molweight.molecules.subgraphs import mask_atoms
from molweight.objectives.graph.corruption import choose_atoms

UNIT, FALLBACK = "dgllife", "composed"  # the second where the first is not installed
TOLERANCE = 1e-3  # of outputs and gradients in float32, relative to their norms
MASKED, DROPOUT = 0.15, 0.5
KERNELS: dict[str, Kernel] = {"composed": "torch", "fused": "fused"}
DTYPES = {"": torch.float32, ", bfloat16": torch.bfloat16}

Call = Callable[[], object]


def kernel(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time the GIN in several settings with every implementation that is installed.

    Returns:
        `tables`: of each setting, implementation to `speedup` and `seconds`; `rows`: share of the atoms'
        rows that differ after each layer; `errors` of each peer's outputs and gradients against `composed`.

    Raises:
        RuntimeError: if an implementation gives other numbers.
    """
    batch = setting.batches(0).pretrain
    masked = mask_atoms(batch, choose_atoms(batch, MASKED, torch.Generator().manual_seed(config.seed)))
    errors = _errors(setting.encoder, batch)
    if wrong := {name: error for name, error in errors.items() if not error < TOLERANCE}:
        raise RuntimeError(f"these do not compute what this program does (relative error): {wrong}")
    settings: dict[str, dict[str, Call]] = {
        "training": _calls(setting.encoder, batch),
        "masked": _calls(setting.encoder, masked),
        "dropout": _calls(setting.encoder, batch, DROPOUT),
        "inference": _calls(setting.encoder, batch, train=False),
    }
    return {
        "tables": {label: _timed(calls, config) for label, calls in settings.items()},
        "rows": {"whole": _row_shares(batch), "masked": _row_shares(masked)},
        "errors": errors,
        "left_out": [name for name in PEERS if name not in errors],
    }


def kernel_table(result: dict[str, Any]) -> Table:
    """A line for each implementation, a column for each setting."""
    table = Table(title="the GIN: how many times as fast (quartiles)", caption=_caption(result))
    table.add_column("implementation")
    for label in result["tables"]:
        table.add_column(label, justify="right")
    for name in next(iter(result["tables"].values())):
        found = [rows[name]["speedup"] for rows in result["tables"].values()]
        table.add_row(name, *(f"{s['median']:.2f} ({s['lower']:.1f}-{s['upper']:.1f})" for s in found))
    return table


def _caption(result: dict[str, Any]) -> str:
    left_out = "".join(f"; {name} is not installed and left out" for name in result["left_out"])
    unit = FALLBACK if UNIT in result["left_out"] else UNIT
    shares = {label: "/".join(f"{x:.0%}" for x in found) for label, found in result["rows"].items()}
    return (
        f"as multiples of {unit}'s speed, all in float32 but where it says bfloat16; masked: training with "
        f"{MASKED:.0%} of the atoms masked; dropout: training with {DROPOUT:.0%}; rows that differ after "
        f"each layer: {shares['whole']}, with masked atoms {shares['masked']}{left_out}"
    )


def _timed(calls: dict[str, Call], config: SpeedConfig) -> dict[str, Any]:
    seconds = time_in_turn(calls, config.rounds, config.warmup)
    unit = seconds.get(UNIT, seconds[FALLBACK])
    return {
        name: {"speedup": asdict(ratio(unit, took)), "seconds": median(took)}
        for name, took in seconds.items()
    }


def _calls(encoder: GIN, batch: GraphBatch, dropout: float = 0.0, train: bool = True) -> dict[str, Call]:
    run = _training_step if train else _inference
    calls: dict[str, Call] = {}
    for name, peer in installed_peers().items():
        module: Any = peer(encoder, dropout).train(train)
        calls[name] = partial(run, module, module.graphs(batch), torch.float32)
    for suffix, dtype in DTYPES.items():
        for name, kind in KERNELS.items():
            ours = _with_kernel(encoder, kind).train(train)
            ours.dropout = dropout
            calls[name + suffix] = partial(run, ours, batch, dtype)
        calls["bare products" + suffix] = partial(_products, encoder, batch.atoms, dtype, train)
    return calls


def _training_step(module: nn.Module, graphs: Any, dtype: torch.dtype) -> None:
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        h = module(graphs)
    h.float().sum().backward()


def _inference(module: nn.Module, graphs: Any, dtype: torch.dtype) -> None:
    with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        module(graphs)


def _products(encoder: GIN, rows: int, dtype: torch.dtype, train: bool) -> None:
    """The MLPs' matrix products for one row to each atom, forward and, in training, backward."""
    width = encoder.width
    narrow, wide = torch.empty(rows, width, dtype=dtype), torch.empty(rows, 2 * width, dtype=dtype)
    w1, w2 = torch.empty(2 * width, width, dtype=dtype), torch.empty(width, 2 * width, dtype=dtype)
    for tensor in (narrow, wide, w1, w2):
        tensor.fill_(0.01)
    for _ in encoder.gnn_layers:
        narrow @ w1.T, wide @ w2.T
        if train:
            narrow.T @ wide, narrow @ w2, wide.T @ narrow, wide @ w1


def _errors(encoder: GIN, batch: GraphBatch) -> dict[str, float]:
    """Relative difference of outputs and gradients of one training step in double precision."""
    peers = {name: peer(encoder) for name, peer in installed_peers().items()}
    expected = _outputs_and_gradients(_with_kernel(encoder, "torch"), batch)
    found = {name: _outputs_and_gradients(peer, peer.graphs(batch)) for name, peer in peers.items()}  # type: ignore[operator]
    found["fused"] = _outputs_and_gradients(_with_kernel(encoder, "fused"), batch)
    return {name: float((v - expected).norm() / expected.norm()) for name, v in found.items()}


def _with_kernel(encoder: GIN, kind: Kernel) -> GIN:
    made = copy.deepcopy(encoder)
    made.kernel = kind
    return made


def _outputs_and_gradients(module: nn.Module, graphs: Any) -> Tensor:
    module = copy.deepcopy(module).double().train()
    h = module(graphs)
    (h * torch.linspace(-1, 1, h.numel(), dtype=h.dtype).view_as(h)).sum().backward()
    # the peers wrap their encoder; its parameters have the same names in all of them
    named = sorted(
        (name.removeprefix("gin.").removeprefix("encoder."), p.grad) for name, p in module.named_parameters()
    )
    gradients = [grad.flatten() for _, grad in named if grad is not None]
    return torch.cat([h.detach().flatten(), *gradients])


def _row_shares(batch: GraphBatch, layers: int = 5) -> list[float]:
    plan = plan_rows(batch, layers, layers)
    return [len(rows.bond_counts) / batch.atoms for rows in plan.layers]
