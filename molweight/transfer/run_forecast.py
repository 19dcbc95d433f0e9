"""`molweight transfer forecast`: from the folder of a run to a sentence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from molweight.errors import ConfigError, DataError
from molweight.run_folder import read_json
from molweight.transfer.curves import Fit
from molweight.transfer.forecast import Samples, forecast_change, parse_counts, sentence
from molweight.transfer.run_transfer import RECORD_FILE


def run_forecast(folder: Path, task: str, add: Sequence[str], have: Sequence[str]) -> str:
    """What more samples would do to the score of a task.

    Args:
        folder: that `transfer` wrote.
        task: that is scored.
        add: samples to add, such as `B=200`, of the task itself, of one other, or of both.
        have: samples so far, likewise; where a task is not among these, all its labels in the table.

    Raises:
        DataError: if the folder holds no report of a run.
        ConfigError: if a task or a number cannot be, or there is no curve for these.
    """
    record = _read(folder)
    counts = {each["name"]: each["labels"] for each in record["tasks"]}
    if task not in counts:
        raise ConfigError(f"--task {task}: is none of the tasks: {', '.join(counts)}")
    added = parse_counts("--add", add, list(counts), 1)
    counts |= parse_counts("--have", have, list(counts), 0)
    others = [name for name in added if name != task]
    if not added or len(others) > 1:
        raise ConfigError(
            "--add: give samples of the task itself, of one other, or of both; curves are of pairs of tasks"
        )
    now = Samples(counts[task], counts[others[0]] if others else 0)
    then = Samples(now.own + added.get(task, 0), now.other + (added[others[0]] if others else 0))
    fit = _find_fit(record, task, others)
    return sentence(forecast_change(fit, now, then), task, added, counts, record["metric"])


def _read(folder: Path) -> dict[str, Any]:
    path = folder / RECORD_FILE
    if not path.exists():
        raise DataError(f"{path}: not found; give the folder that molweight transfer wrote")
    record = read_json(path)
    if not isinstance(record, dict) or not {"tasks", "pairs", "metric"} <= record.keys():
        raise DataError(f"{path}: is not the report of molweight transfer")
    return record


def _find_fit(record: Mapping[str, Any], task: str, others: Sequence[str]) -> Fit:
    if others:
        fits = [p["fit"] for p in record["pairs"] if (p["helped"], p["helper"]) == (task, others[0])]
    else:
        fits = [each["fit_alone"] for each in record["tasks"] if each["name"] == task and each["fit_alone"]]
    if not fits:
        beside = f" with samples of {others[0]}" if others else ""
        raise ConfigError(f"{task}{beside} has too few scores in this run for a curve to foretell from")
    return Fit.from_json(fits[0])
