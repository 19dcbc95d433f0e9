"""What a benchmark leaves behind: report.json, the split, learned weights, rejected rows, pictures."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.benchmarks.bench import BenchConfig, BenchResult
from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.folders import REPORT
from molweight.benchmarks.report_methods import (
    data_part,
    methods_part,
    print_methods,
    told_sizes,
    write_methods,
)
from molweight.reports.json_file import write_json
from molweight.reports.rejected import write_rejected
from molweight.reports.versions import versions


def build_report(result: BenchResult, config: BenchConfig) -> dict[str, Any]:
    """The content of report.json: the same for the same input and seeds, but for seconds."""
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
        "data": data_part(result.loaded.paths, result.loaded.sha256),
        "seed": list(range(config.seeds)),
        "methods": methods_part(result.outcomes),
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
        write_rejected(result.loaded.rejected, result.loaded.sources, folder / "rejected.csv")
    title = f"{result.name}, {config.split} split"
    write_methods(result.name, result.outcomes, result.metric.name, title, folder)
    write_json(report, folder / REPORT)
    return report


def print_report(report: Mapping[str, Any], higher_is_better: bool, folder: Path, console: Console) -> None:
    """Tables of scores and of learned weights, and what the reader should know."""
    title = f"{report['dataset']}, {report['split']} split ({told_sizes(report['sizes'])})"
    print_methods(title, report["metric"], higher_is_better, report["methods"], console)
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


def _split_rows(result: BenchResult) -> list[dict[str, list[int]]]:
    """For each seed, the rows of the input file in each part, counted from 0 below the header."""
    rows = result.loaded.data.store.rows.numpy()
    return [
        {part: rows[getattr(split, part)].tolist() for part in ("train", "valid", "test")}
        for split in result.splits
    ]
