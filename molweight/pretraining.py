"""Pretraining a GIN from a corpus of SMILES, from files to a checkpoint with its card and loss curve."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import molweight
from molweight.encoders.checkpoints import load_encoder, save_encoder
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import ConfigError
from molweight.molecules.files import read_smiles
from molweight.molecules.store import Store, cached_store
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, described, graph_objectives
from molweight.paths import cache_folder, replacing
from molweight.reports.pictures import draw_losses
from molweight.reports.progress import progress_bar
from molweight.reports.rejected import write_rejected
from molweight.solver.ranks import ALONE, Ranks
from molweight.solver.weights import uniform_weights
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.remarks import format_values
from molweight.tasks.snapshots import read_about, restore_snapshot, save_snapshot

STRETCH = 20  # steps to one point of the loss curve
SNAPSHOT_EVERY = 200  # steps; a multiple of the stretch, so that none is cut in two


@dataclass(frozen=True)
class PretrainRun:
    """What a pretraining run is asked to do.

    Attributes:
        corpora: files of SMILES.
        out: checkpoint to write, `.safetensors`; the loss curve goes beside it.
        epochs: passes over the corpora.
        steps: optimiser steps, in place of epochs.
        batch_size: molecules to a step, of all ranks together.
        lr: highest learning rate.
        seed: of weights, batches and random choices.
        checkpoint: weights to start from; random ones where it is None.
        smiles_column: of CSV files; found by its name where it is None.
        resume: go on from the snapshot of an interrupted run.
        overwrite: replace what an earlier run left.
        objectives: names of those to pretrain with.
    """

    corpora: Sequence[Path]
    out: Path
    epochs: float = 5.0
    steps: int | None = None
    batch_size: int = 256
    lr: float = 1e-3
    seed: int = 0
    checkpoint: str | None = None
    smiles_column: str | None = None
    resume: bool = False
    overwrite: bool = False
    objectives: tuple[str, ...] = DEFAULT_GRAPH_OBJECTIVES

    def __post_init__(self) -> None:
        if self.out.suffix != ".safetensors":
            raise ConfigError(f"--out must end in .safetensors, got {self.out}")
        if self.batch_size < 2 or self.lr <= 0 or (self.epochs if self.steps is None else self.steps) <= 0:
            raise ConfigError("--batch-size must be at least 2, and --epochs, --steps and --lr positive")

    @property
    def snapshot(self) -> Path:
        """Where the state lies until the run is complete."""
        return self.out.with_suffix(".snapshot.safetensors")

    @property
    def rejected(self) -> Path:
        """Where rows that are not molecules are set aside."""
        return self.out.with_suffix(".rejected.csv")

    def identity(self, ranks: Ranks = ALONE) -> dict[str, object]:
        """What a resumed run must agree on."""
        asked = asdict(self) | {"corpora": [path.name for path in self.corpora]}
        if ranks.count > 1:
            asked["ranks"] = ranks.count
        return {name: value for name, value in asked.items() if name not in ("out", "resume", "overwrite")}


def pretrain_corpus(run: PretrainRun, compute: Compute, ranks: Ranks = ALONE) -> dict[str, object]:
    """Pretrain with graph objectives at equal weight; returns what the curve's JSON holds.

    Writes OUT, and beside it `.json` (losses by stretch, settings), `.png` (the curve) and, where there are
    any, `.rejected.csv` (rows that are not molecules). The state is kept on disk throughout, so that a
    killed run goes on with `resume` to the same result. Of several ranks, which share each batch, rank 0
    writes, and all read the snapshot.

    Raises:
        ConfigError: if there is something to overwrite or nothing to resume, or less than two molecules of
            a batch for each rank.
        DataError: if a corpus cannot be read.
    """
    _check_output(run, ranks)
    store, sources = ranks.first_then_others(lambda: corpus_store(run))
    if min(run.batch_size, len(store)) < 2 * ranks.count:
        raise ConfigError(f"{ranks.count} ranks need at least {2 * ranks.count} molecules to a batch")
    steps = run.steps or max(1, round(run.epochs * len(store) / run.batch_size))
    warmup = min(500, steps // 10)
    config = PretrainConfig(steps, run.batch_size, run.lr, warmup, decay=True, seed=run.seed)
    state = _start(run, config, compute)
    curve: dict[str, list[float]] = {name: [] for name in state.problem.objectives}
    if run.resume:
        restore_snapshot(state, run.snapshot)
        curve = read_about(run.snapshot)["curve"]
    _run(state, store.to(compute.device), config, run, curve, ranks)
    summary = _summary(run, config, store, curve, compute, ranks)
    if ranks.first:
        _write(run, state, store, sources, curve, summary)
    return summary


def corpus_store(run: PretrainRun) -> tuple[Store, list[tuple[str, int]]]:
    """The molecules of all files in one store, and the name and number of rows of each file."""
    parts = [read_smiles(path, run.smiles_column) for path in run.corpora]
    smiles = [text for part in parts for text in part]
    with progress_bar("featurising") as advance:
        store = cached_store(smiles, cache_folder() / "stores", progress=lambda n, all_: advance(n, all_, ""))
        kept = [smiles[row] for row in store.rows.tolist()]
        store = described(store, kept, run.objectives, lambda n, all_: advance(n, all_, "descriptors"))
    return store, [(path.name, len(part)) for path, part in zip(run.corpora, parts, strict=True)]


def _check_output(run: PretrainRun, ranks: Ranks) -> None:
    if run.resume and not run.snapshot.exists():
        raise ConfigError(f"{run.snapshot}: nothing to resume; leave --resume out to start anew")
    if run.resume and read_about(run.snapshot)["identity"] != json.loads(json.dumps(run.identity(ranks))):
        raise ConfigError(
            f"{run.snapshot}: was begun with other corpora, options or ranks; repeat those to resume it"
        )
    existing = [path for path in (run.out, run.snapshot) if path.exists()]
    if existing and not run.resume and not run.overwrite:
        raise ConfigError(
            f"{existing[0]} exists; give --resume to go on, --overwrite to replace it, or another --out"
        )


def _start(run: PretrainRun, config: PretrainConfig, compute: Compute) -> PretrainState:
    torch.manual_seed(run.seed)
    encoder = GIN() if run.checkpoint is None else load_encoder(run.checkpoint)
    problem = PretrainProblem(encoder, graph_objectives(encoder.width, run.objectives), compute)
    return PretrainState.start(problem.to(compute.device), config)


def _run(
    state: PretrainState,
    store: Store,
    config: PretrainConfig,
    run: PretrainRun,
    curve: dict[str, list[float]],
    ranks: Ranks,
) -> None:
    everything = torch.arange(len(store), device=store.device)
    weights = uniform_weights(list(state.problem.objectives))
    stretch: list[dict[str, float]] = []
    with progress_bar("pretraining") as advance:
        for losses in pretrain(state, store, everything, weights, config, ranks):
            stretch.append(losses)
            if state.step % STRETCH == 0 or state.step == config.steps:
                means = {name: float(np.mean([s[name] for s in stretch])) for name in curve}
                for name, value in means.items():
                    curve[name].append(round(value, 5))
                stretch.clear()
                advance(state.step, config.steps, format_values(means))
            if ranks.first and state.step % SNAPSHOT_EVERY == 0:
                save_snapshot(state, run.snapshot, {"identity": run.identity(ranks), "curve": curve})


def _write(
    run: PretrainRun,
    state: PretrainState,
    store: Store,
    sources: Sequence[tuple[str, int]],
    curve: dict[str, list[float]],
    summary: dict[str, object],
) -> None:
    metadata = {"model": "GIN", "molweight": molweight.__version__, "steps": str(state.step)}
    save_encoder(state.problem.encoder, run.out, metadata)
    with replacing(run.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    draw_losses(curve, STRETCH, run.out.with_suffix(".png"))
    if store.rejected:
        write_rejected(store.rejected, sources, run.rejected)
    run.snapshot.unlink(missing_ok=True)


def _summary(
    run: PretrainRun,
    config: PretrainConfig,
    store: Store,
    curve: dict[str, list[float]],
    compute: Compute,
    ranks: Ranks,
) -> dict[str, object]:
    return {
        "corpora": [path.name for path in run.corpora],
        "molecules": len(store),
        "rejected": len(store.rejected),
        "epochs": round(config.steps * config.batch_size / len(store), 2),
        "config": asdict(config),
        "compute": str(compute),
        "ranks": ranks.count,
        "versions": {"molweight": molweight.__version__, "torch": torch.__version__},
        "steps_per_point": STRETCH,
        "losses": curve,
    }
