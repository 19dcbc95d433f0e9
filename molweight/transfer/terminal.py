"""What a run found, for the terminal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

SHOWN = 10  # pairs


def tell_run(record: Mapping[str, Any], console: Console) -> None:
    """The pairs of the surest gains, how many are told from none, groups, and what was confirmed.

    Args:
        record: of the run, as `as_record` gives it.
        console: to print to.
    """
    console.print(pairs_table(record))
    pairs, level = record["pairs"], record["config"]["level"]
    helps, harms = (sum(p["effect"] == effect for p in pairs) for effect in ("helps", "harms"))
    console.print(
        f"{helps} of {len(pairs)} pairs help and {harms} harm, their gains told from 0 at a false discovery "
        f"rate of {1 - level:.0%}",
        highlight=False,
    )
    if record["unfitted_pairs"]:
        console.print(f"{record['unfitted_pairs']} pairs have too few scores for a curve", highlight=False)
    if line := beside_forest(record):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(grouping_text(record["grouping"]), markup=False, highlight=False)
    if record["config"]["design"] == "full":
        console.print("every point was trained in full: nothing remains to be confirmed", highlight=False)
    if record["confirmed"]:
        console.print(confirmed_table(record))


def pairs_table(record: Mapping[str, Any]) -> Table:
    """The pairs whose gain is furthest from 0 for its interval, helpful and harmful."""
    table = Table(title=f"{record['source']}: which tasks help each other ({record['metric']})")
    for heading in ("helped", "helper", "effect"):
        table.add_column(heading)
    for heading in ("rate × 100", "worth", "gain"):
        table.add_column(heading, justify="right")
    table.caption = (
        "rate of the helper's samples; worth of one in samples of the task's own; gain measured with "
        f"{record['grid']['other'][-1]} of the helper, mean over sizes of the task's own"
    )
    for pair in sorted(record["pairs"], key=_surely, reverse=True)[:SHOWN]:
        rate, gain = pair["fit"]["parameters"]["a_other"], pair["gain"]
        table.add_row(
            pair["helped"],
            pair["helper"],
            pair["effect"],
            _interval(*(100 * rate[end] for end in ("value", "low", "high")))
            if rate["identified"]
            else "not identified",
            "" if np.isnan(pair["worth"]) else f"{pair['worth']:.1f}",
            _margin(gain["mean"], gain["high"]),
        )
    return table


def grouping_text(grouping: Mapping[str, Any]) -> str:
    """What to learn together and what that gains."""
    together = "; ".join(", ".join(group) for group in grouping["groups"] if len(group) > 1)
    gains = (
        _margin(grouping[over]["mean"], grouping[over]["high"]) for over in ("over_own", "over_everyone")
    )
    return (
        f"learn together: {together or 'none'}; gain of groups over one model each {next(gains)}, over one "
        f"for all {next(gains)}. {grouping['how_measured']}"
    )


def beside_forest(record: Mapping[str, Any]) -> str:
    """Scores alone, of the learner and a forest, at the largest size that has both; nothing without one.

    Args:
        record: of the run, as `as_record` gives it.
    """
    tasks = [task for task in record["tasks"] if task["reference"] is not None]
    if not tasks:
        return ""
    scores = np.array([[task["alone"], task["reference"]] for task in tasks])  # [tasks, 2, own]
    known = np.flatnonzero(np.isfinite(scores).all(axis=1).any(axis=0))
    if not len(known):
        return ""
    size = int(known[-1])
    both = scores[np.isfinite(scores[:, :, size]).all(axis=1), :, size]
    alone, forest = both.mean(axis=0)
    return (
        f"alone, with {record['grid']['own'][size]} samples: {record['metric']} {alone:.3f}, a random forest "
        f"{forest:.3f}, means over {len(both)} tasks"
    )


def confirmed_table(record: Mapping[str, Any]) -> Table:
    """Pairs trained in full, with the network's gain."""
    table = Table(title="networks, for the task alone and for both")
    for heading in ("helped", "helper", "alone", "together", "gain"):
        table.add_column(heading, justify="left" if heading.startswith("help") else "right")
    for found in record["confirmed"]:
        alone, together = (np.nanmean(found[name]) for name in ("alone", "together"))
        gain = _margin(found["gain"], found["high"])
        table.add_row(found["helped"], found["helper"], f"{alone:.3f}", f"{together:.3f}", gain)
    return table


def _surely(pair: Mapping[str, Any]) -> tuple[bool, float]:
    gain = pair["gain"]
    sureness = abs(gain["mean"]) / max(gain["high"] - gain["low"], 1e-12)
    return pair["effect"] != "unclear", 0.0 if np.isnan(sureness) else sureness


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _margin(value: float, high: float) -> str:
    return f"{value:+.3f} ± {high - value:.3f}"
