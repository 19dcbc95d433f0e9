"""Everything that adapting leaves behind, in one folder that is complete or not there."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from molweight.errors import ConfigError
from molweight.paths import replacing_folder
from molweight.reports.json_file import write_json
from molweight.screening.adapt import Adapted
from molweight.screening.card import write_card
from molweight.screening.hygiene import write_findings
from molweight.screening.model_folder import write_model
from molweight.screening.report import write_report
from molweight.tasks.metrics import METRICS, score

METRICS_FILE, SPLIT_FILE, WEIGHTS_FILE, REJECTED_FILE = (
    "metrics.json",
    "split.json",
    "objective_weights.json",
    "rejected.csv",
)
CARD_FILE, REPORT_FILE = "MODEL_CARD.md", "report.html"


def check_target(folder: Path, overwrite: bool) -> None:
    """Refuse to write where something else is.

    Raises:
        ConfigError: if the folder is a file, or exists and may not be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {folder}: is a file; name a folder")
    if folder.exists() and not overwrite:
        raise ConfigError(f"--out {folder} exists; give --overwrite to replace it, or another name")


def write_adapted(adapted: Adapted, folder: Path, command: str) -> dict[str, Any]:
    """Write the model, its metrics, split, weights, card and report, and return the metrics.

    Args:
        adapted: what to write.
        folder: that appears, or is replaced, when all is written.
        command: that made it, for the report and the card.
    """
    metrics = summarise(adapted)
    with replacing_folder(folder) as new:
        write_model(adapted.model, adapted.training.data.labels, new)
        write_json(metrics, new / METRICS_FILE)
        write_json(_split_rows(adapted), new / SPLIT_FILE)
        learned = {
            f"{trial.method}, seed {trial.seed}": [asdict(record) for record in trial.history]
            for trial in adapted.trials
            if trial.history
        }
        if learned:
            write_json(learned, new / WEIGHTS_FILE)
        if adapted.training.set_aside:
            write_findings(adapted.training.set_aside, adapted.training.source, new / REJECTED_FILE)
        write_card(adapted, new / CARD_FILE, command)
        write_report(adapted, new / REPORT_FILE, command)
    return metrics


def summarise(adapted: Adapted) -> dict[str, Any]:
    """Scores of every method by seed, and of the ensemble on molecules its members had not seen."""
    data, fitted = adapted.training.data, adapted.fitted
    methods = {
        method: {
            "valid": [t.valid for t in adapted.trials if t.method == method],
            "test": test,
            "seconds": [round(t.seconds, 2) for t in adapted.trials if t.method == method],
        }
        for method, test in adapted.test.items()
    }
    out_of_fold = {
        metric.name: score(metric, data.labels, fitted.out_of_fold, data.tasks).value
        for metric in METRICS.values()
        if metric.kind == data.kind
    }
    return {
        "metric": adapted.metric.name,
        "higher_is_better": adapted.metric.higher_is_better,
        "chosen": adapted.method,
        "methods": methods,
        "out_of_fold": out_of_fold,
        "split": adapted.split_name,
        "split_digest": adapted.split.digest,
        "sizes": adapted.split.sizes,
        "molecules": len(data.smiles),
        "leaked": len(adapted.leaked),
        "unlabelled": adapted.unlabelled,
        "seconds": round(adapted.seconds, 1),
    }


def _split_rows(adapted: Adapted) -> dict[str, list[int]]:
    """Rows of the table in each part, counted from 0 below the header."""
    rows, split = adapted.training.rows, adapted.split
    return {part: rows[getattr(split, part)].tolist() for part in ("train", "valid", "test")}
