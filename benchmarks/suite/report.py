"""`molweight bench report`: tables, pictures and `summary.json` of a suite's results folder."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.benchmarks.suite.gain_picture import draw_gains
from molweight.benchmarks.suite.naming import listed, shared_settings
from molweight.benchmarks.suite.over_sets import summarise_over
from molweight.benchmarks.suite.parts import PARTS, tables_of
from molweight.benchmarks.suite.rank_picture import draw_ranks
from molweight.benchmarks.suite.ranking import Ranking
from molweight.benchmarks.suite.results import Asked, SetResults, read_asked, read_set
from molweight.benchmarks.suite.summary import is_ours, rounded, summarise_set
from molweight.reports.json_file import write_json
from molweight.reports.pictures import draw_weights
from molweight.reports.progress import announce

SUMMARY, PICTURES = "summary.json", "pictures"
TERMS = ("preset", "budget", "objectives", "checkpoint", "unlabelled", "version")


def write_suite_report(folder: Path, console: Console) -> None:
    """Write `summary.json` and pictures of a results folder, finished or not, and print all tables.

    Args:
        folder: of a suite.
        console: to print to.

    Raises:
        DataError: if the folder is not of a suite, or a file of it is damaged.
    """
    asked = read_asked(folder)
    splits = {split: _summarise_split(folder, asked, split) for split in asked.splits}
    told = {name: without_folders(value) for name, value in asked.content.items()}
    summary = rounded({"asked": told, "splits": splits})
    write_json(summary, folder / SUMMARY, indent=None)
    for split in asked.splits:
        for part in PARTS:
            for table in tables_of(summary, part, split):
                table.show(console)
    console.print(f"summary: {folder / SUMMARY}", soft_wrap=True)
    console.print(f"pictures: {folder / PICTURES}", soft_wrap=True)


def without_folders(value: Any) -> Any:
    """A value of `suite.json` as another machine may see it: of each path in a text, the last part.

    >>> without_folders("molweight bench suite --data-dir /home/ada/data --seeds 3")
    'molweight bench suite --data-dir data --seeds 3'
    >>> without_folders("molweight bench suite --out 'a b'; molweight bench suite --resume '/tmp/a b'")
    "molweight bench suite --out 'a b'; molweight bench suite --resume 'a b'"
    """
    if not isinstance(value, str):
        return value
    words = shlex.shlex(value, posix=True, punctuation_chars=";")  # one command after the other
    words.whitespace_split, words.commenters = True, ""
    return shlex.join(Path(part).name if "/" in part else part for part in words).replace(" ';' ", "; ")


def _summarise_split(folder: Path, asked: Asked, split: str) -> dict[str, Any]:
    sets = {}
    for name in asked.sets:
        if (found := read_set(folder, asked, name, split)) is not None:
            announce(f"{name}, {split}: molecules drawn anew")
            sets[name] = summarise_set(found)
            _draw_trajectories(found, folder / PICTURES)
    told = {
        "sets": {name: summary.entry for name, summary in sets.items()},
        "terms": {term: _text(asked.content[term]) for term in TERMS if asked.content.get(term)},
        "not_begun": [name for name in asked.sets if name not in sets],
        **summarise_over(split, sets, asked.methods),
    }
    _draw_over_sets(told, asked, split, folder / PICTURES)
    return told


def _draw_over_sets(told: dict[str, Any], asked: Asked, split: str, folder: Path) -> None:
    shared = shared_settings(asked.methods)
    said = f"{split} split" + (f"\nnetworks with {listed(shared)}" if shared else "")
    if told["ranking"]:
        title = f"mean ranks over {len(told['ranking']['sets'])} data sets, {said}"
        ranking = Ranking(**told["ranking"])
        names = [method.replace(shared, "") for method in ranking.methods]
        draw_ranks(replace(ranking, methods=names), title, folder / f"ranks-{split}.png")
    ours = [method for method in asked.methods if is_ours(method)]
    if any(method in found for found in told["mean_gains"].values() for method in ours):
        title = f"what learned weights gain, with 95 % intervals over molecules and seeds, {said}"
        draw_gains(told, ours, title, folder / f"gains-{split}.png", shared)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(without_folders(value))


def _draw_trajectories(found: SetResults, folder: Path) -> None:
    """Weights over steps, a picture for each method that learned some, over the steps that all seeds took."""
    for method, reached in found.outcomes.items():
        if histories := [outcome.history for outcome in reached.values() if outcome.history]:
            steps = min(map(len, histories))
            trajectories = {
                name: [[record.weights[name] for record in history[:steps]] for history in histories]
                for name in histories[0][0].weights
            }
            title = f"{found.name}, {found.split} split: objective weights of {method}"
            draw_weights(trajectories, title, folder / f"weights-{found.name}-{found.split}-{method}.png")
