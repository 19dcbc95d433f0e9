"""Whether learned objective weights agree with what the objectives gain alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

SINGLE = "single-"  # what the names of methods with one objective begin with

Entry = Mapping[str, Any]  # what `summary.json` says of a data set and split


def agreement(entries: Sequence[Entry], method: str) -> dict[str, Any] | None:
    """Whether learned weights say what single objectives gain, where every objective was tried alone.

    Returns:
        On how many sets the objective of the largest mean weight is the one that gains most alone, what
        chance would give, and Spearman's correlation of mean cosines with relative gains over all sets and
        objectives; None where no set has them all.
    """
    table = [found for entry in entries if (found := alone(entry, method))]
    if not table:
        return None
    same = [_most(found, "weight") == _most(found, "relative") for found in table]
    each = [row for found in table for row in found.values()]
    cosines, gains = ([row[key] for row in each] for key in ("cosine", "relative"))
    told = len(set(cosines)) > 1 and len(set(gains)) > 1 and not np.isnan(cosines).any()
    return {
        "sets": len(table),
        "same": sum(same),
        "chance": float(sum(1 / len(found) for found in table)),
        "correlation": float(stats.spearmanr(cosines, gains).statistic) if told else float("nan"),
    }


def alone(entry: Entry, method: str) -> dict[str, dict[str, float]] | None:
    """For each objective its mean weight and cosine in a method, and its relative gain alone on `finetune`.

    None where the method learned no weights, or not all objectives were tried alone.
    """
    told, gains = entry["methods"][method], single_gains(entry)
    if "evidence" not in told or not told.get("weights", {}).keys() <= gains.keys():
        return None
    return {
        objective: {
            "weight": float(np.mean(values)),
            "cosine": float(np.mean(told["evidence"][objective]["cosine"])),
            "relative": gains[objective],
        }
        for objective, values in told["weights"].items()
    }


def single_gains(entry: Entry) -> dict[str, float]:
    """Relative gain on `finetune` of each objective that was tried alone."""
    return {
        method.removeprefix(SINGLE).replace("-", "_"): found["relative"]
        for method, found in entry["gains"].get("finetune", {}).items()
        if method.startswith(SINGLE) and found["relative"] is not None
    }


def _most(found: Mapping[str, Mapping[str, float]], key: str) -> str:
    return max(found, key=lambda name: found[name][key])
