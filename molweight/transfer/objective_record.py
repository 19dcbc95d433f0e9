"""A run over objectives as JSON, and as a table for the terminal."""

from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from molweight.reports.versions import versions
from molweight.reports.words import label
from molweight.transfer.objective_designs import ObjectivesRun
from molweight.transfer.objective_findings import (
    PER,
    Findings,
    about_weights,
    answer,
    gain_text,
    mean_weights,
    rate_text,
    worth_text,
)
from molweight.transfer.record import worth
from molweight.transfer.scoring import metric_name


def as_objectives_record(run: ObjectivesRun, found: Findings, command: str) -> dict[str, Any]:
    """JSON values of a run.

    Args:
        run: finished.
        found: in it.
        command: that made it.
    """
    study = run.study
    data, config = study.asked.data, study.config
    return {
        "command": command,
        "versions": versions(),
        "source": data.source,
        "target": data.tasks[0],
        "molecules": len(data.smiles),
        "unlabelled": len(study.asked.unlabelled),
        "kind": data.kind,
        "metric": metric_name(data.kind),
        "remarks": [*data.remarks, *study.asked.remarks],
        "rows_set_aside": len(data.set_aside),
        "config": asdict(config) | {"reweight": str(config.reweight)},
        "compute": str(study.compute),
        "grid": {"labelled": list(study.grid.own), "unlabelled": list(study.grid.other)},
        "alone": run.alone.tolist(),
        "objectives": [_objective(run, found, number) for number in range(len(config.objectives))],
        "differences": [_difference(run, found, place) for place in range(len(found.names))],
        "learned": [asdict(each) for each in run.learned],
        "rank_correlation": found.agreement,
        "answer": answer(run, found),
        "seconds": run.seconds,
    }


def tell_objectives(run: ObjectivesRun, found: Findings, console: Console) -> None:
    """The table and the answer."""
    console.print(objectives_table(run, found))
    lines = answer(run, found) + ([about_weights(run, found)] if run.learned else [])
    for line in lines:
        console.print(line, markup=False, highlight=False)


def objectives_table(run: ObjectivesRun, found: Findings) -> Table:
    """A line for each objective, the largest gain first."""
    study, most = run.study, run.study.grid.other[-1]
    data = study.asked.data
    table = Table(title=f"{data.source}, {data.tasks[0]}: objectives ({metric_name(data.kind)})")
    columns = [
        "objective",
        f"gain at {most:,}",
        f"rate per {PER:,}",
        f"worth of {PER:,}",
        "weight λ",
        "verdict",
    ]
    for heading in columns:
        table.add_column(heading, justify="left" if heading in ("objective", "verdict") else "right")
    table.caption = (
        "gain over the checkpoint as it is, mean over numbers of labelled molecules; worth in these"
    )
    for number, (name, _, *rest) in zip(found.order, rows(run, found), strict=True):
        mean, high = found.gains.mean[number], found.gains.high[number]
        table.add_row(name, f"{mean:+.3f} ± {high - mean:.3f}", *rest)
    return table


def rows(run: ObjectivesRun, found: Findings) -> list[list[str]]:
    """Cells of each objective, the largest gain first: name, gain, rate, worth, learned weight, verdict."""
    weights = mean_weights(run)
    cells = []
    for number in found.order:
        name = run.study.config.objectives[number]
        weight = f"{weights[name]:.3f}" if weights else "not learned"
        cells.append(
            [
                label(name),
                gain_text(found.gains, number),
                rate_text(run, number),
                worth_text(run, number),
                weight,
                found.verdict(number),
            ]
        )
    return cells


def _objective(run: ObjectivesRun, found: Findings, number: int) -> dict[str, Any]:
    fit, weights = run.fits[number], mean_weights(run)
    name = run.study.config.objectives[number]
    return {
        "name": name,
        "verdict": found.verdict(number),
        "gain": {key: values[number].item() for key, values in vars(found.gains).items()},
        "gains_by_molecules": found.by_size.mean[:, number].tolist(),
        "from_more": {k: v[number].item() for k, v in vars(found.more).items()} if found.more else None,
        "pretraining_noise": float(found.noise[number]),
        "worth": worth(fit) if fit else float("nan"),
        "fit": fit.to_json() if fit else None,
        "weight": weights.get(name, float("nan")),
        "scores": np.moveaxis(run.adapted[:, :, :, number], -1, 0).tolist(),
    }


def _difference(run: ObjectivesRun, found: Findings, place: int) -> dict[str, Any]:
    first, second = (run.study.config.objectives[k] for k in found.names[place])
    gain = {key: values[place].item() for key, values in vars(found.pairs).items()}
    return {"first": first, "second": second, **gain}
