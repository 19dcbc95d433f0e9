"""Training on a GPU: molecules per second, with and without CUDA graphs, and against PyTorch Geometric."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from statistics import median
from typing import Any

import torch
from rich.table import Table
from torch import Tensor, nn

from molweight.benchmarks.speed.gin_peers import PyGGIN
from molweight.benchmarks.speed.setting import PREPARED, Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.encoders.compute import choose_compute
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.errors import ConfigError
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.padding import Sizes, collate_padded
from molweight.molecules.store import Store
from molweight.solver.weights import uniform_weights
from molweight.tasks.finetune import finetuning_step
from molweight.tasks.losses import masked_loss
from molweight.tasks.optimisers import adam
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretraining_step
from molweight.tasks.replay import Replay

BATCHES = (32, 256, 1024, 4096)
STEPS = 10  # to a timed call, so that what starting and waiting cost is that of training
DROPOUT = 0.5
WARM_UP = 1  # rounds, in the first of which steps are recorded
PEAK = 8192  # rows and columns of the product that is taken for the processor's peak
PYG, EAGER, GRAPHED = "pyg", "eager", "graphed"
PASSES = {"encoder": 1, "finetune": 1, "pretrain": 4}  # of all atoms through the encoder in a step

Call = Callable[[], object]


def gpu(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time training in bfloat16 at several batch sizes.

    Returns:
        `device`; `peak`, FLOP/s of a large product; `rows`: task, batch, implementation, molecules per
        second, share of the peak, and speedup over PyTorch Geometric, or, without it, over eager steps.

    Raises:
        ConfigError: if there is no GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError("the table gpu needs a CUDA device, and this torch sees none; name other tables")
    return measure(replace(setting, compute=choose_compute("cuda", "bfloat16")), config)


def measure(
    setting: Setting, config: SpeedConfig, batches: tuple[int, ...] = BATCHES, peak: int = PEAK
) -> dict[str, Any]:
    """The same on the setting's own device; each row is printed once it is there."""
    device = setting.compute.device
    flops = _peak(peak, device, config)
    rows: list[dict[str, Any]] = []
    for batch in batches:
        # the data set over and over, where it is smaller than a batch
        molecules = torch.arange(len(setting.data.smiles)).repeat(1 + 2 * batch // len(setting.data.smiles))
        order = molecules[
            torch.randperm(len(molecules), generator=torch.Generator().manual_seed(config.seed))
        ]
        drawn = [order[place * batch :][:batch] for place in range(len(order) // batch)][:PREPARED]
        for task, calls in _tasks(setting, molecules, batch, drawn).items():
            timed = {name: partial(_several, call, device) for name, call in calls.items()}
            seconds = time_in_turn(timed, config.rounds, WARM_UP)
            atoms = float(Sizes.of(setting.data.store).atoms[torch.stack(drawn)].sum()) / len(drawn)
            work = PASSES[task] * training_flops(setting.encoder, atoms)
            found = list(_rows(task, batch, seconds, work / flops))
            rows += found
            for row in found:
                print(*_cells(row), flush=True)
    return {"device": _name(device), "peak": flops, "rows": rows, "left_out": [] if _has_pyg() else [PYG]}


def gpu_table(result: dict[str, Any]) -> Table:
    """A line for each implementation of each task at each batch size."""
    table = Table(title=f"training on {result['device']}, bfloat16", caption=_caption(result))
    for heading in ("task", "batch", "implementation", "molecules/s", "share of peak", "speedup (quartiles)"):
        table.add_column(heading, justify="left" if heading in ("task", "implementation") else "right")
    for row in result["rows"]:
        table.add_row(*_cells(row))
    return table


def _cells(row: dict[str, Any]) -> list[str]:
    faster = row["speedup"]
    return [
        row["task"],
        str(row["batch"]),
        row["implementation"],
        f"{row['molecules_per_second']:,.0f}",
        f"{row['share']:.1%}",
        f"{faster['median']:.2f} ({faster['lower']:.2f}-{faster['upper']:.2f})",
    ]


def training_flops(encoder: GIN, atoms: float) -> float:
    """Floating point operations of the MLPs' products for one pass forward and backward."""
    products = 2 * 2 * encoder.width * 2 * encoder.width  # two of width by twice the width
    return 3 * len(encoder.gnn_layers) * products * atoms


def _caption(result: dict[str, Any]) -> str:
    left_out = "; PyTorch Geometric is not installed and left out" if result["left_out"] else ""
    return (
        f"share of the {result['peak'] / 1e12:.0f} TFLOP/s of one large product that the MLPs' products of "
        "all atoms use, in pretraining those of four passes: one each of attribute masking and edge "
        "prediction, two of contrastive learning, context prediction not counted; speedup over pyg, in "
        f"pretraining over eager. Batches of pyg lie ready, the others' are assembled in the step{left_out}"
    )


def _rows(task: str, batch: int, seconds: dict[str, list[float]], least: float) -> Iterator[dict[str, Any]]:
    """`least`: seconds of the step's products at the peak."""
    unit = seconds.get(PYG, seconds[EAGER])
    for name, took in seconds.items():
        each = median(took) / STEPS
        yield {
            "task": task,
            "batch": batch,
            "implementation": name,
            "molecules_per_second": batch / each,
            "share": least / each,
            "speedup": asdict(ratio(unit, took)),
        }


def _tasks(
    setting: Setting, molecules: Tensor, batch: int, drawn: list[Tensor]
) -> dict[str, dict[str, Call]]:
    store, compute = setting.data.store.to(setting.compute.device), setting.compute
    settings = {EAGER: replace(setting, compute=replace(compute, graphs=False)), GRAPHED: setting}
    tasks: dict[str, dict[str, Call]] = {"encoder": {}, "finetune": {}, "pretrain": {}}
    if _has_pyg():
        prepared = [collate(store, chosen.to(store.device)) for chosen in drawn]
        tasks["encoder"][PYG] = _next(_pyg_pass(setting), prepared)
        tasks["finetune"][PYG] = _next(_pyg_finetuning(setting), list(zip(prepared, drawn, strict=True)))
    for name, each in settings.items():
        tasks["encoder"][name] = _next(_encoder_pass(each, store, molecules, batch), drawn)
        tasks["finetune"][name] = _next(_finetuning(each, store, molecules, batch), drawn)
        tasks["pretrain"][name] = _next(_pretraining(each, store, molecules, batch), drawn)
    return tasks


def _finetuning(setting: Setting, store: Store, molecules: Tensor, batch: int) -> Callable[[Tensor], object]:
    problem = setting.finetune_problem(DROPOUT).train()
    labels = torch.from_numpy(setting.data.labels).to(store.device)
    optimiser = adam(problem.parameters(), 1e-4, store.device)
    return finetuning_step(problem, store, labels, molecules, optimiser, batch)


def _pretraining(setting: Setting, store: Store, molecules: Tensor, batch: int) -> Callable[[Tensor], object]:
    problem = setting.pretrain_problem().train()
    config = PretrainConfig(1, batch, 1e-4, seed=setting.seed)
    state, weights = PretrainState.start(problem, config), uniform_weights(list(problem.objectives))
    return pretraining_step(state, store, molecules, weights, config)


def _encoder_pass(
    setting: Setting, store: Store, molecules: Tensor, batch: int
) -> Callable[[Tensor], object]:
    """Forward to the molecules and backward, of a batch that is assembled first."""
    encoder = copy.deepcopy(setting.encoder).to(store.device).train()

    def learn(graphs: GraphBatch) -> Tensor:
        with setting.compute.autocast():
            loss = mean_readout(encoder(graphs), graphs).sum()
        torch.autograd.grad(loss, list(encoder.parameters()))
        return loss.detach()

    if not setting.compute.replays:
        return lambda chosen: learn(collate(store, chosen.to(store.device)))
    capacity = Sizes.of(store).capacity(molecules, batch)
    return Replay(
        lambda chosen: learn(collate_padded(store, chosen, capacity)),
        [torch.zeros(batch, dtype=torch.int64, device=store.device)],
    )


def _pyg_pass(setting: Setting) -> Callable[[GraphBatch], object]:
    from torch_geometric.nn import global_mean_pool

    encoder: nn.Module = PyGGIN(setting.encoder).to(setting.compute.device).train()

    def step(batch: GraphBatch) -> None:
        with setting.compute.autocast():
            h = encoder(PyGGIN.graphs(batch))
            loss = global_mean_pool(h, batch.molecule, batch.molecules).float().sum()
        torch.autograd.grad(loss, list(encoder.parameters()))

    return step


def _pyg_finetuning(setting: Setting) -> Callable[[tuple[GraphBatch, Tensor]], object]:
    """The same fine-tuning step as its users write it."""
    from torch_geometric.nn import global_mean_pool

    device, kind = setting.compute.device, setting.data.kind
    encoder = PyGGIN(setting.encoder, DROPOUT).to(device).train()
    head = nn.Linear(setting.encoder.width, len(setting.data.tasks)).to(device)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 1e-4, fused=True)
    labels = torch.from_numpy(setting.data.labels).to(device)

    def step(batch: tuple[GraphBatch, Tensor]) -> None:
        graphs, chosen = batch
        with setting.compute.autocast():
            h = encoder(PyGGIN.graphs(graphs))
            outputs = head(global_mean_pool(h, graphs.molecule, graphs.molecules))
        loss = masked_loss(outputs.float(), labels[chosen.to(device)], kind)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def _next(step: Callable[[Any], object], batches: list[Any]) -> Call:
    endless = cycle(batches)
    return lambda: step(next(endless))


def _several(call: Call, device: torch.device) -> None:
    for _ in range(STEPS):
        call()
    _wait(device)


def _peak(size: int, device: torch.device, config: SpeedConfig) -> float:
    """FLOP/s of a square product in bfloat16."""
    a, b = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    timed = {"product": partial(_several, lambda: a @ b, device)}
    seconds = time_in_turn(timed, config.rounds, WARM_UP)["product"]
    return STEPS * 2 * size**3 / median(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _has_pyg() -> bool:
    return find_spec("torch_geometric") is not None
