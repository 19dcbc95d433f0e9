"""What a report says of each method: scores, cost, learned weights and how they were found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.benchmarks.outcomes import Outcome
from molweight.reports.json_file import write_json
from molweight.reports.pictures import draw_scores, draw_weights
from molweight.reports.tables import scores_table, weights_table
from molweight.reports.weight_evidence import solver_statuses, stopgap_sentences, weight_evidence
from molweight.solver import StepRecord

Reached = Mapping[str, Sequence[Outcome]]  # method to one outcome for each seed


def data_part(paths: Sequence[Path], digests: Sequence[str]) -> list[dict[str, str]]:
    """The files read, and the SHA-256 of each."""
    return [{"file": path.name, "sha256": digest} for path, digest in zip(paths, digests, strict=True)]


def told_sizes(sizes: Mapping[str, int]) -> str:
    """Of the parts of a split, for a title.

    >>> told_sizes({"train": 500, "test": 139})
    'train 500, test 139'
    """
    return ", ".join(f"{part} {size}" for part, size in sizes.items())


def methods_part(outcomes: Reached) -> dict[str, dict[str, Any]]:
    """What `report.json` says of each method: one value for each seed."""
    return {name: _method(reached) for name, reached in outcomes.items()}


def write_methods(name: str, outcomes: Reached, metric: str, title: str, folder: Path) -> None:
    """Write `scores.png`, and each method's learned weights as JSON and as a picture.

    Args:
        name: data set.
        outcomes: of each method and seed.
        metric: name of the score that counts.
        title: of the picture of the scores.
        folder: to write to.
    """
    for method, reached in outcomes.items():
        if histories := [outcome.history for outcome in reached if outcome.history]:
            _write_weights(histories, f"{name}: objective weights of {method}", method, folder)
    scores = {method: [outcome.test.value for outcome in reached] for method, reached in outcomes.items()}
    draw_scores(scores, metric, title, folder / "scores.png")


def print_methods(
    title: str,
    metric: str,
    higher_is_better: bool,
    methods: Mapping[str, Mapping[str, Any]],
    console: Console,
) -> None:
    """Tables of scores and of learned weights, from what `methods_part` made."""
    console.print(scores_table(title, metric, higher_is_better, methods))
    for name, found in methods.items():
        if "evidence" in found:
            console.print(
                weights_table(f"{name}: weights after learning", found["weights"], found["evidence"])
            )
            for sentence in stopgap_sentences(found["statuses"]):
                console.print(sentence)


def _method(outcomes: Sequence[Outcome]) -> dict[str, Any]:
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


def _write_weights(histories: list[list[StepRecord]], title: str, method: str, folder: Path) -> None:
    """`weights.json` and `weights.png` of `tapweight`; the other methods' names say theirs."""
    stem = "weights" if method == "tapweight" else f"weights-{method}"
    write_json([[asdict(record) for record in history] for history in histories], folder / f"{stem}.json")
    names = histories[0][0].weights
    trajectories = {name: [[r.weights[name] for r in history] for history in histories] for name in names}
    draw_weights(trajectories, title, folder / f"{stem}.png")
