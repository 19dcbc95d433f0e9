"""What a run found, for the terminal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

SHOWN = 10  # pairs


def tell_run(record: Mapping[str, Any], console: Console) -> None:
    """The strongest pairs, what was confirmed, and how much of it chance would show too.

    Args:
        record: of the run, as `as_record` gives it.
        console: to print to.
    """
    console.print(pairs_table(record))
    pairs, level = record["pairs"], record["config"]["level"]
    helps, harms = (sum(p["effect"] == effect for p in pairs) for effect in ("helps", "harms"))
    console.print(
        f"{helps} of {len(pairs)} pairs help and {harms} harm, by intervals of {level:.0%} each; chance "
        f"alone would show about {(1 - level) * len(pairs):.0f}",
        highlight=False,
    )
    if record["unfitted_pairs"]:
        console.print(f"{record['unfitted_pairs']} pairs have too few scores for a curve", highlight=False)
    if record["confirmed"]:
        console.print(confirmed_table(record))


def pairs_table(record: Mapping[str, Any]) -> Table:
    """The pairs whose rate is furthest from 0, helpful and harmful, with measured gains."""
    own, other = record["grid"]["own"][1], record["grid"]["other"][-1]
    table = Table(title=f"{record['source']}: which tasks help each other ({record['metric']})")
    for heading in ("helped", "helper", "effect", "rate of the helper's samples", "worth"):
        table.add_column(heading)
    table.add_column(f"gain at {own} own + {other}", justify="right")
    ranked = sorted(record["pairs"], key=_surely, reverse=True)
    for pair in ranked[:SHOWN]:
        rate = pair["fit"]["parameters"]["a_other"]
        worth = "" if np.isnan(pair["worth"]) else f"{pair['worth']:.2f}"
        shown = (
            _interval(rate["value"], rate["low"], rate["high"]) if rate["identified"] else "not identified"
        )
        gain = pair["gain"]
        table.add_row(
            pair["helped"],
            pair["helper"],
            pair["effect"],
            shown,
            worth,
            _interval(gain["mean"], gain["low"], gain["high"], 3),
        )
    return table


def confirmed_table(record: Mapping[str, Any]) -> Table:
    """Pairs trained in full, with the network's gain."""
    table = Table(title="networks, for the task alone and for both")
    for heading in ("helped", "helper", "alone", "together", "gain"):
        table.add_column(heading, justify="left" if heading.startswith("help") else "right")
    for found in record["confirmed"]:
        alone, together = (np.nanmean(found[name]) for name in ("alone", "together"))
        gain = _interval(found["gain"], found["low"], found["high"], 3)
        table.add_row(found["helped"], found["helper"], f"{alone:.3f}", f"{together:.3f}", gain)
    return table


def _surely(pair: Mapping[str, Any]) -> tuple[bool, float]:
    rate = pair["fit"]["parameters"]["a_other"]
    return pair["effect"] != "unclear", abs(rate["value"]) / max(rate["high"] - rate["low"], 1e-12)


def _interval(value: float, low: float, high: float, digits: int = 4) -> str:
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
