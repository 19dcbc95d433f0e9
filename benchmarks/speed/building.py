"""Stores of many molecules: what a second worker brings, memory, and bytes on the disk."""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import joblib
from rdkit.rdBase import BlockLogs
from rich.table import Table

from molweight.benchmarks.speed.corpus import endless, sample, unlabelled
from molweight.benchmarks.speed.featurising import parse_alone
from molweight.benchmarks.speed.rivals import DGLLIFE, rivals
from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.molecules.store import CHUNK, build_store, open_store

WORKERS = (1, 2)
SCALING_CHUNKS = 20  # of CHUNK molecules, timed again and again
WEIGHED = 200  # molecules whose graphs are written for comparison
STATUS = Path("/proc/self/status")  # of the process that reads it


def building(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time builds of a smaller store with one worker and two, then watch one of all molecules."""
    texts = unlabelled() or setting.data.smiles
    return {
        "scaling": scaling(sample(texts, SCALING_CHUNKS * CHUNK, setting.seed), config),
        "large": watched(texts, config.molecules),
        "others_bytes": bytes_elsewhere(sample(texts, WEIGHED, setting.seed)),
    }


def scaling(texts: Sequence[str], config: SpeedConfig) -> dict[str, Any]:
    """How many times as fast two workers are, at a store and at RDKit's parse alone."""
    with TemporaryDirectory() as folder:
        calls: dict[str, Callable[[], object]] = {}
        for workers in WORKERS:
            calls[f"parse {workers}"] = partial(_parse, texts, workers)
            calls[f"store {workers}"] = partial(build_store, texts, Path(folder) / "s.arrow", workers)
        seconds = time_in_turn(calls, config.rounds, min(config.warmup, 1))
    one, two = WORKERS
    return {
        "molecules": len(texts),
        **{w: asdict(ratio(seconds[f"{w} {one}"], seconds[f"{w} {two}"])) for w in ("store", "parse")},
        "per_second": {label: len(texts) / median(took) for label, took in seconds.items()},
    }


def watched(texts: Sequence[str], molecules: int) -> dict[str, Any]:
    """Build in a process of its own, so that its peak is the build's."""
    with TemporaryDirectory() as folder:
        corpus, store = Path(folder) / "corpus.smi", Path(folder) / "store.arrow"
        corpus.write_text("\n".join(texts), encoding="utf-8")
        # not -m, or every worker would import this module and what it imports
        code = f"import sys; from {__name__} import watch; watch(*sys.argv[1:])"
        command = [sys.executable, "-c", code, str(corpus), str(store), str(molecules)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        began = time.perf_counter()
        opened = open_store(store)
        took = time.perf_counter() - began
        found: dict[str, Any] = json.loads(result.stdout)
        atoms = len(opened.atom_type) / len(opened)
        size = store.stat().st_size / len(opened)
    return {**found, "open_ms": 1e3 * took, "bytes": size, "atoms": atoms}


def watch(corpus: str, file: str, wanted: str) -> None:
    """Print what building costs this process: its memory after a first small store, and the peak."""
    texts = Path(corpus).read_text(encoding="utf-8").splitlines()
    store, molecules = Path(file), int(wanted)
    workers = max(WORKERS)
    build_store(endless(texts, 4 * CHUNK), store, workers)
    before, began = _peak_mib(), time.perf_counter()
    build_store(endless(texts, molecules), store, workers)
    took = time.perf_counter() - began
    peak = max(before, _peak_mib())  # the kernel counts pages by processor, and may lag behind itself
    found = {"molecules": molecules, "seconds": took, "before_mib": before, "peak_mib": peak}
    # the same workers, which joblib keeps: a function of this module would have them import it all
    read = joblib.delayed(Path.read_text)(STATUS)
    statuses = joblib.Parallel(n_jobs=workers)(read for _ in range(workers))
    print(json.dumps({**found, "worker_mib": max(map(_peak_in, statuses))}))


def bytes_elsewhere(texts: Sequence[str]) -> dict[str, float]:
    """Bytes a molecule of DGL-LifeSci's graphs in DGL's own file and pickled, where it is installed."""
    featurize = rivals(DGLLIFE).get(DGLLIFE)
    if featurize is None:
        return {}
    import dgl

    graphs = [graph for graph in map(featurize, texts) if graph is not None]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graphs.bin"
        dgl.save_graphs(str(path), graphs)
        size = path.stat().st_size
    pickled = sum(len(pickle.dumps(graph)) for graph in graphs)
    return {"DGL's file": size / len(graphs), "pickle": pickled / len(graphs)}


def building_table(result: dict[str, Any]) -> Table:
    """A line for each figure."""
    scaled, large = result["scaling"], result["large"]
    table = Table(title="stores", show_header=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    for what, label in (("store", "store"), ("parse", "RDKit's parse")):
        row = scaled[what]
        table.add_row(
            f"{label}, {scaled['molecules']} molecules, 2 workers for 1",
            f"{row['median']:.2f} times as fast ({row['lower']:.2f} to {row['upper']:.2f})",
        )
    table.add_row("molecules of the large store", f"{large['molecules']}")
    table.add_row("molecules a second, 2 workers", f"{large['molecules'] / large['seconds']:.0f}")
    table.add_row("memory before", f"{large['before_mib']:.0f} MiB")
    table.add_row("peak memory", f"{large['peak_mib']:.0f} MiB")
    table.add_row("peak memory of a worker", f"{large['worker_mib']:.0f} MiB")
    table.add_row(f"bytes a molecule, of {large['atoms']:.1f} atoms", f"{large['bytes']:.0f}")
    for name, size in result["others_bytes"].items():
        table.add_row(f"bytes a molecule, {name}", f"{size:.0f}")
    table.add_row("opening", f"{large['open_ms']:.1f} ms")
    return table


def _parse(texts: Sequence[str], workers: int) -> None:
    chunks = _chunks(texts)
    joblib.Parallel(n_jobs=workers)(joblib.delayed(_parse_quietly)(chunk) for chunk in chunks)


def _parse_quietly(texts: Sequence[str]) -> None:
    with BlockLogs():
        parse_alone(texts)


def _chunks(texts: Iterable[str]) -> Iterable[list[str]]:
    source = iter(texts)
    return iter(lambda: list(islice(source, CHUNK)), [])


def _peak_mib() -> float:
    """Of Linux alone; the peak that `getrusage` gives begins with that of the process before exec."""
    return _peak_in(STATUS.read_text())


def _peak_in(status: str) -> float:
    (line,) = (line for line in status.splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1024
