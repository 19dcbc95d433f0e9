"""What a benchmark on texts leaves behind: report.json, the split, learned weights, pictures."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.benchmarks.folders import REPORT
from molweight.benchmarks.report_methods import (
    data_part,
    methods_part,
    print_methods,
    told_sizes,
    write_methods,
)
from molweight.benchmarks.text_bench import TextBenchConfig, TextBenchResult
from molweight.reports.json_file import write_json
from molweight.reports.versions import versions
from molweight.text.budgets import find_text_budget

PACKAGES = ("transformers", "tokenizers")


def build_text_report(result: TextBenchResult, config: TextBenchConfig) -> dict[str, Any]:
    """The content of report.json: the same for the same input and seeds, but for seconds."""
    setting, first = result.setting, next(iter(result.outcomes.values()))
    data, splits = setting.loaded.data, setting.splits
    return {
        "dataset": setting.name,
        "note": setting.loaded.note,
        "metric": setting.metric.name,
        "kind": data.kind,
        "classes": list(data.classes),
        "classes_left_out": sorted({name for outcome in first for name in outcome.test.left_out}),
        "split_digests": [split.digest for split in splits],
        "sizes": splits[0].sizes,
        "unlabelled": len(splits[0].train) if setting.corpus is None else len(setting.corpus),
        "truncated": setting.store.truncated,
        "data": data_part(setting.loaded.paths, setting.loaded.sha256),
        "seed": list(range(config.seeds)),
        "methods": methods_part(result.outcomes),
        "config": {
            "budget": config.budget,
            "train_size": config.train_size,
            "max_length": config.max_length,
            "objectives": list(config.objectives),
            "compute": str(config.compute),
            **asdict(find_text_budget(config.budget)),
        },
        "model": setting.checkpoint.about,
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
    }


def write_text_report(result: TextBenchResult, config: TextBenchConfig, folder: Path) -> dict[str, Any]:
    """Write all files of one data set, report.json last, and return its content."""
    report, name = build_text_report(result, config), result.setting.name
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {part: getattr(split, part).tolist() for part in ("train", "valid", "test")}
        for split in result.setting.splits
    ]
    write_json(rows, folder / "split.json")
    write_methods(name, result.outcomes, report["metric"], _title(report), folder)
    write_json(report, folder / REPORT)
    return report


def print_text_report(
    report: Mapping[str, Any], higher_is_better: bool, folder: Path, console: Console
) -> None:
    """Tables of scores and of learned weights, and what the reader should know."""
    print_methods(_title(report), report["metric"], higher_is_better, report["methods"], console)
    if report["unlabelled"] > report["sizes"]["train"]:
        console.print(f"pretraining reads all {report['unlabelled']} texts of train, without their labels")
    if report["truncated"]:
        console.print(
            f"{report['truncated']} texts are longer than {report['config']['max_length']} tokens: only "
            "their beginning was read; see --max-length"
        )
    if left_out := report["classes_left_out"]:
        console.print(f"classes that no text of test has: {', '.join(left_out)}")
    if report["note"]:
        console.print(f"note: {report['note']}")
    console.print(f"report: {folder / REPORT}", soft_wrap=True)


def _title(report: Mapping[str, Any]) -> str:
    return f"{report['dataset']} ({told_sizes(report['sizes'])})"
