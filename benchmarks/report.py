"""What a benchmark leaves behind: report.json, the split, learned weights, rejected rows, pictures."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.benchmarks.bench import BenchConfig, BenchResult
from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.outcomes import FOLDER as OUTCOMES
from molweight.benchmarks.outcomes import Outcome
from molweight.errors import ConfigError
from molweight.reports.json_file import write_json
from molweight.reports.pictures import draw_scores, draw_weights
from molweight.reports.rejected import write_rejected
from molweight.reports.tables import scores_table, weights_table
from molweight.reports.versions import versions
from molweight.reports.weight_evidence import weight_evidence
from molweight.solver import StepRecord
from molweight.solver.inverse import DIVERGED, NEGATIVE_CURVATURE

REPORT = "report.json"


def output_folders(
    names: tuple[str, ...], out: Path | None, overwrite: bool, report: str = REPORT
) -> dict[str, Path]:
    """Where each data set's report goes: OUT itself for one, OUT/NAME for several.

    Without `out`, a new folder `molweight-bench/NAME` in the working folder, numbered where taken.

    Raises:
        ConfigError: if there is a report already and it may not be overwritten, or `out` is a file.
    """
    if out is None:
        return {name: _free(Path("molweight-bench") / name) for name in names}
    folders = {name: out if len(names) == 1 else out / name for name in names}
    for folder in folders.values():
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"--out {folder}: is a file; name a folder")
        if (folder / report).exists() and not overwrite:
            raise ConfigError(f"{folder / report} exists; give --overwrite to replace it, or another --out")
    return folders


def resumed_folders(names: tuple[str, ...], out: Path) -> dict[str, Path]:
    """The folders below `out` of the data sets that an interrupted run has no report of yet.

    Raises:
        ConfigError: if no data set was begun there, or all are done.
    """
    folders = {name: out if len(names) == 1 else out / name for name in names}
    left = {name: folder for name, folder in folders.items() if not (folder / REPORT).exists()}
    if not left:
        raise ConfigError(f"{out}: nothing to resume, every data set has its {REPORT}")
    if len(left) == len(folders) and not any((folder / OUTCOMES).exists() for folder in left.values()):
        raise ConfigError(f"{out}: no run of {', '.join(names)} was begun there; use --out to begin one")
    return left


def build_report(result: BenchResult, config: BenchConfig) -> dict[str, Any]:
    """The content of report.json: the same for the same input and seeds, but for seconds."""
    methods = {name: _method(outcomes) for name, outcomes in result.outcomes.items()}
    first = next(iter(result.outcomes.values()))
    return {
        "dataset": result.name,
        "note": DATA_SETS[result.name].note,
        "metric": result.metric.name,
        "kind": result.metric.kind,
        "split": config.split,
        "split_digests": [split.digest for split in result.splits],
        "sizes": result.splits[0].sizes,
        "tasks": list(result.loaded.data.tasks),
        "tasks_left_out": [list(outcome.test.left_out) for outcome in first],
        "rejected": len(result.loaded.rejected),
        "data": [
            {"file": path.name, "sha256": digest}
            for path, digest in zip(result.loaded.paths, result.loaded.sha256, strict=True)
        ],
        "seed": list(range(config.seeds)),
        "methods": methods,
        "config": {
            "budget": config.budget,
            "checkpoint": config.checkpoint,
            "compute": str(config.compute),
            "ranks": config.ranks.count,
            **asdict(config.settings),
        },
        "versions": {"python": platform.python_version(), **versions()},
    }


def write_report(result: BenchResult, config: BenchConfig, folder: Path) -> dict[str, Any]:
    """Write all files of one data set, report.json last, and return its content."""
    report = build_report(result, config)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(_split_rows(result), folder / "split.json")
    if result.loaded.rejected:
        rows = len(result.loaded.data.smiles) + len(result.loaded.rejected)
        sources = [(result.loaded.paths[0].name, rows)]
        write_rejected(result.loaded.rejected, sources, folder / "rejected.csv")
    for method, outcomes in result.outcomes.items():
        if histories := [outcome.history for outcome in outcomes if outcome.history]:
            _write_weights(histories, f"{result.name}: objective weights of {method}", method, folder)
    scores = {name: values["test"] for name, values in report["methods"].items()}
    draw_scores(scores, result.metric.name, f"{result.name}, {config.split} split", folder / "scores.png")
    write_json(report, folder / REPORT)
    return report


def print_report(report: Mapping[str, Any], higher_is_better: bool, folder: Path, console: Console) -> None:
    """Tables of scores and of learned weights, and what the reader should know."""
    sizes = " / ".join(str(n) for n in report["sizes"].values())
    title = f"{report['dataset']}, {report['split']} split ({sizes})"
    console.print(scores_table(title, report["metric"], higher_is_better, report["methods"]))
    for name, found in report["methods"].items():
        if "evidence" in found:
            console.print(
                weights_table(f"{name}: weights after learning", found["weights"], found["evidence"])
            )
            print_statuses(found["statuses"], console)
    if report["rejected"]:
        console.print(
            f"{report['rejected']} rows are not molecules and were set aside: {folder / 'rejected.csv'}"
        )
    if left_out := sorted({task for tasks in report["tasks_left_out"] for task in tasks}):
        console.print(
            f"{len(left_out)} tasks have one class only in the test split and are left out: {left_out[:5]}"
        )
    if report["note"]:
        console.print(f"note: {report['note']}")
    console.print(f"report: {folder / REPORT}", soft_wrap=True)


def print_statuses(statuses: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """Say where a best response is a stopgap, because its solver met what it cannot solve."""
    for level, shares in statuses.items():
        for status in (NEGATIVE_CURVATURE, DIVERGED):
            if share := shares.get(status, 0.0):
                console.print(
                    f"{level}: the solver ended with {status} in {share:.0%} of the steps, and its best "
                    "response there is a stopgap"
                )


def _write_weights(histories: list[list[StepRecord]], title: str, method: str, folder: Path) -> None:
    """`weights.json` and `weights.png` of `tapweight`; the other methods' names say theirs."""
    stem = "weights" if method == "tapweight" else f"weights-{method}"
    write_json([[asdict(record) for record in history] for history in histories], folder / f"{stem}.json")
    names = histories[0][0].weights
    trajectories = {name: [[r.weights[name] for r in history] for history in histories] for name in names}
    draw_weights(trajectories, title, folder / f"{stem}.png")


def _method(outcomes: list[Outcome]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "test": [outcome.test.value for outcome in outcomes],
        "test_others": {name: [o.others[name] for o in outcomes] for name in outcomes[0].others},
        "valid": [outcome.valid for outcome in outcomes],
        "seconds": [round(outcome.seconds, 2) for outcome in outcomes],
    }
    weights = [outcome.weights for outcome in outcomes if outcome.weights]
    if weights:
        found["weights"] = {name: [w[name] for w in weights] for name in weights[0]}
    histories = [outcome.history for outcome in outcomes if outcome.history]
    if histories:
        found["evidence"] = weight_evidence(histories)
        found["statuses"] = solver_statuses(histories)
    return found


def solver_statuses(histories: Sequence[Sequence[StepRecord]]) -> dict[str, dict[str, float]]:
    """For each level, the share of the steps with a hypergradient in which its solver ended in each way."""
    records = [record for history in histories for record in history if record.statuses]
    levels = sorted({level for record in records for level in record.statuses})
    return {
        level: {
            status: count / len(records)
            for status, count in sorted(Counter(record.statuses[level] for record in records).items())
            if status
        }
        for level in levels
    }


def _split_rows(result: BenchResult) -> list[dict[str, list[int]]]:
    """For each seed, the rows of the input file in each part, counted from 0 below the header."""
    rows = result.loaded.data.store.rows.numpy()
    return [
        {part: rows[getattr(split, part)].tolist() for part in ("train", "valid", "test")}
        for split in result.splits
    ]


def _free(folder: Path) -> Path:
    number = 2
    candidate = folder
    while candidate.exists():
        candidate = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return candidate
