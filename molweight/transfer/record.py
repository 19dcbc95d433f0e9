"""A finished run as JSON: what other programs, and forecasts, read."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.reports.versions import versions
from molweight.transfer.advice import Advice, how_measured
from molweight.transfer.curves import Fit
from molweight.transfer.designs import TransferRun
from molweight.transfer.gains import Gains
from molweight.transfer.scoring import metric_name

Array = NDArray[np.float64]
EFFECTS = {1: "helps", 0: "unclear", -1: "harms"}


def as_record(run: TransferRun, advice: Advice, command: str) -> dict[str, Any]:
    """JSON values of a run.

    Args:
        run: finished.
        advice: drawn from it.
        command: that made it.
    """
    data, grid = run.data, run.grid
    return {
        "command": command,
        "versions": versions(),
        "source": data.source,
        "molecules": len(data.smiles),
        "kind": data.kind,
        "metric": metric_name(data.kind),
        "remarks": list(data.remarks),
        "rows_set_aside": len(data.set_aside),
        "left_out": [asdict(each) for each in data.left_out],
        "config": asdict(run.config),
        "grid": asdict(grid),
        "forms": run.forms,
        "tasks": [_task(run, number) for number in range(len(data.tasks))],
        "pairs": [_pair(run, i, j, fit, advice.pairs) for (i, j), fit in run.fits_pairs.items()],
        "unfitted_pairs": len(data.tasks) * (len(data.tasks) - 1) - len(run.fits_pairs),
        "grouping": _grouping(run, advice),
        "confirmed": [_confirmed(run, number) for number in range(len(run.confirmed))],
        "seconds": run.seconds,
    }


def worth(fit: Fit) -> float:
    """Samples of the task's own that one sample of the other is worth; NaN where a rate is not known.

    A task whose own samples may do nothing has no unit to count in.
    """
    own, other = fit.parameters["a_own"], fit.parameters["a_other"]
    known = own.identified and other.identified and own.low > 0
    return other.value / own.value if known else float("nan")


def _task(run: TransferRun, number: int) -> dict[str, Any]:
    alone, context = run.fits_alone[number], run.fits_context[number]
    return {
        "name": run.data.tasks[number],
        "labels": int(run.data.measured[number]),
        "mean": float(np.nanmean(run.data.labels[:, number])),
        "alone": _means(run.alone[:, :, number]),
        "reference": None if run.reference is None else _means(run.reference[:, :, number]),
        "context": _means(run.context[:, :, :, number]),
        "context_samples": run.context_samples[:, number].tolist(),
        "fit_alone": alone.to_json() if alone else None,
        "fit_context": context.to_json() if context else None,
        "context_worth": worth(context) if context else None,
    }


def _means(scores: Array) -> Any:
    """Means over folds, NaN where there is no score."""
    counted = np.isfinite(scores).sum(axis=0)
    totals = np.where(np.isfinite(scores), scores, 0.0).sum(axis=0)
    return np.where(counted > 0, totals / np.maximum(counted, 1), np.nan).tolist()


def _pair(run: TransferRun, helped: int, helper: int, fit: Fit, gains: Gains) -> dict[str, Any]:
    gain = _at(gains, helped, helper)
    return {
        "helped": run.data.tasks[helped],
        "helper": run.data.tasks[helper],
        "effect": EFFECTS[int(np.sign(gain["mean"])) if gain["named"] else 0],
        "worth": worth(fit),
        "gain": gain,
        "scores": _means(run.pairs[:, :, :, helped, helper]),
        "fit": fit.to_json(),
    }


def _grouping(run: TransferRun, advice: Advice) -> dict[str, Any]:
    """Tasks to learn together; what is expected of that, and what was measured."""
    measured = {"over_own": advice.over_own, "over_everyone": advice.over_everyone}
    tasks = [
        {
            "name": name,
            "expected": float(advice.expected[t]),
            **{over: _at(found.tasks, t) for over, found in measured.items()},
        }
        for t, name in enumerate(run.data.tasks)
    ]
    return {
        "groups": [[run.data.tasks[t] for t in group] for group in advice.groups],
        "tasks": tasks,
        **{over: _at(found.mean) for over, found in measured.items()},
        "folds_alike": advice.alike,
        "how_measured": how_measured(advice.alike, run.config.folds),
    }


def _at(gains: Gains, *place: int) -> dict[str, Any]:
    return {name: values[place].item() for name, values in vars(gains).items()}


def _confirmed(run: TransferRun, number: int) -> dict[str, Any]:
    found = run.confirmed[number]
    return {**asdict(found), "helped": run.data.tasks[found.helped], "helper": run.data.tasks[found.helper]}
