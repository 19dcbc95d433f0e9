"""A whole benchmark run against the same protocol with DGL-LifeSci, DGL and betty: time and memory."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from molweight.benchmarks.speed.protocols import BUDGET, Protocol, Shares, own_protocol
from molweight.benchmarks.speed.rivals import DGLLIFE, rivals
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.molecules.splits import scaffold_split
from molweight.molecules.store import store_from_smiles
from molweight.tasks.data import TaskData

OURS, THEIRS = "molweight", "dgllife + betty"
PACKAGES = ("dgl", DGLLIFE, "betty")
PARTS = ("featurise", "finetune", "reweight")
WHOLE = "whole"
METHODS = 2  # of the run, finetune and tapweight, that both end in fine-tuning


def end_to_end(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time the parts of both protocols in turn, and say what a run of the standard budget comes to.

    The whole is featurising, all iterations of weight learning and twice all epochs of fine-tuning: each
    part is counted as often as its timed share goes into the budget. Memory is that of processes which
    run every part once.

    Raises:
        RuntimeError: if the objectives of the two differ, or a process fails.
    """
    there = all(map(find_spec, PACKAGES))
    data = taken_by_both(setting.data) if there else setting.data
    losses = _checked_losses(setting, data) if there else None
    protocols = {who: make_protocol(who, setting, data, config) for who in ([OURS, THEIRS][: 1 + there])}
    seconds = time_in_turn(
        {f"{who} {part}": getattr(made, part) for who, made in protocols.items() for part in PARTS},
        config.rounds,
        min(config.warmup, 1),
    )
    took = {who: with_whole({part: seconds[f"{who} {part}"] for part in PARTS}, config) for who in protocols}
    return {
        "rows": {part: _row({who: found[part] for who, found in took.items()}) for part in (*PARTS, WHOLE)},
        "molecules": len(data.smiles),
        "peak_mib": {who: peak_of(who, data, config) for who in protocols},
        "losses": losses,
        "left_out": [] if there else [THEIRS],
    }


def with_whole(seconds: dict[str, list[float]], config: SpeedConfig) -> dict[str, list[float]]:
    """Each part's seconds, and round by round those of a run of the standard budget.

    >>> with_whole({"featurise": [1.0], "finetune": [2.0], "reweight": [3.0]}, SpeedConfig())["whole"]
    [461.0]
    """
    times = {
        "featurise": 1.0,
        "finetune": METHODS * BUDGET.finetune.epochs / config.epochs,
        "reweight": BUDGET.reweight.loop.steps / config.iterations,
    }
    rounds = range(len(seconds["featurise"]))
    whole = [sum(times[part] * took[i] for part, took in seconds.items()) for i in rounds]
    return {**seconds, WHOLE: whole}


def taken_by_both(data: TaskData) -> TaskData:
    """The molecules that DGL-LifeSci's featurisers take."""
    featurize = rivals(DGLLIFE)[DGLLIFE]
    return _subset(data, [i for i, text in enumerate(data.smiles) if featurize(text) is not None])


def make_protocol(who: str, setting: Setting, data: TaskData, config: SpeedConfig) -> Protocol:
    """One of the two, on the scaffold split."""
    split, shares = scaffold_split(data.smiles), Shares.of(config)
    if who == OURS:
        return own_protocol(setting, data, split, shares)
    from molweight.benchmarks.speed.dgl_protocol import dgl_protocol  # imports betty and DGL

    return dgl_protocol(setting, data, split, shares)


def peak_of(who: str, data: TaskData, config: SpeedConfig) -> float:
    """Largest resident memory of a process that runs all parts of one protocol once, in MiB.

    Raises:
        RuntimeError: if it fails.
    """
    code = f"from {__name__} import run_once; run_once()"
    wanted = json.dumps({"who": who, "config": asdict(config), "smiles": list(data.smiles)})
    done = subprocess.run([sys.executable, "-c", code], input=wanted, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{who} failed in a process of its own: {done.stderr.strip()}")
    return float(done.stdout.split()[-1])


def run_once() -> None:
    """Run all parts of one protocol, and print this process's peak as Linux tells it.

    `getrusage` would not do: its peak begins with that of the process before exec.
    """
    wanted = json.load(sys.stdin)
    config = SpeedConfig(**wanted["config"])
    setting, smiles = make_setting(config), set(wanted["smiles"])
    data = _subset(setting.data, [i for i, text in enumerate(setting.data.smiles) if text in smiles])
    protocol = make_protocol(wanted["who"], setting, data, config)
    for part in PARTS:
        getattr(protocol, part)()
    (line,) = (text for text in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in text)
    print(int(line.split()[1]) / 1024)


def end_to_end_table(result: dict[str, Any]) -> Table:
    """A line for each part, for the whole, and for memory."""
    table = Table(
        title="molweight bench bbbp --methods finetune,tapweight --seeds 1", caption=_caption(result)
    )
    table.add_column("part")
    for heading in ("times as fast", "quartiles", *(f"{who}, s" for who in result["peak_mib"])):
        table.add_column(heading, justify="right")
    for part, row in result["rows"].items():
        table.add_row(part, *_shown(row["speedup"]), *(f"{s:.2f}" for s in row["seconds"].values()))
    table.add_row("peak memory, MiB", "", "", *(f"{peak:.0f}" for peak in result["peak_mib"].values()))
    return table


def _caption(result: dict[str, Any]) -> str:
    left_out = "".join(f"; {who} is not installed and left out" for who in result["left_out"])
    budget = f"{BUDGET.reweight.loop.steps} iterations and {METHODS} times {BUDGET.finetune.epochs} epochs"
    return (
        f"{result['molecules']} molecules; the whole: featurising, {budget}, from the timed shares{left_out}"
    )


def _shown(speedup: dict[str, float] | None) -> tuple[str, str]:
    if speedup is None:
        return "", ""
    return f"{speedup['median']:.2f}", f"{speedup['lower']:.2f} to {speedup['upper']:.2f}"


def _row(seconds: dict[str, list[float]]) -> dict[str, Any]:
    speedup = asdict(ratio(seconds[THEIRS], seconds[OURS])) if THEIRS in seconds else None
    return {"speedup": speedup, "seconds": {who: median(took) for who, took in seconds.items()}}


def _checked_losses(setting: Setting, data: TaskData) -> dict[str, Any]:
    from molweight.benchmarks.speed.dgl_agreement import check_objectives, compare_objectives

    found = compare_objectives(setting, data)
    check_objectives(found)
    return dict(found)


def _subset(data: TaskData, molecules: list[int]) -> TaskData:
    smiles = [data.smiles[i] for i in molecules]
    return replace(data, smiles=smiles, store=store_from_smiles(smiles), labels=data.labels[molecules])
