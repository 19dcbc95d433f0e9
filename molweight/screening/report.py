"""The report of an adaptation: one HTML file that needs nothing else."""

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.reports.page import Grid, Picture, Section, write_page
from molweight.reports.pictures import weights_figure
from molweight.reports.tables import mean_and_spread
from molweight.reports.versions import versions
from molweight.reports.weight_evidence import solver_statuses, stopgap_sentences
from molweight.reports.words import label
from molweight.screening.adapt import Adapted
from molweight.screening.comparison import (
    SPLIT_IN_WORDS,
    MethodScores,
    difference_sentences,
    digits_for,
    ensemble_sentence,
    in_words,
    method_scores,
    score_sentence,
)
from molweight.screening.findings import counted
from molweight.screening.held_out import HeldOut, coverage_reached, fits_of_test, hold_out
from molweight.screening.learned_weights import LearnedWeight, learned_weights, trajectories, weight_sentences
from molweight.screening.model import COVERAGE
from molweight.screening.report_tasks import task_sections, tasks_section, worst_section
from molweight.screening.trials import Trial
from molweight.tasks.budgets import find_budget

SHOWN_ASIDE = 50  # rows set aside
ASIDE = "rejected.csv"  # which has all of them, beside the report


def write_report(adapted: Adapted, path: Path, command: str) -> None:
    """Write the report of what adapting came to.

    Args:
        adapted: what it came to.
        path: HTML file to write; it appears only when it is complete.
        command: that was given.
    """
    held, of_test = hold_out(adapted), fits_of_test(adapted)
    sections = [
        _methods_section(adapted),
        *_weights_sections(adapted),
        tasks_section(adapted, held, of_test),
        *task_sections(adapted, held, of_test),
        worst_section(adapted, held),
        *_data_sections(adapted),
        _split_section(adapted),
        *_making_sections(adapted, command),
    ]
    write_page(path, title(adapted), summary(adapted, held, of_test), sections)


def title(adapted: Adapted) -> str:
    """What the model predicts, and from what it was learnt."""
    tasks = adapted.training.data.tasks
    what = tasks[0] if len(tasks) == 1 else f"{tasks[0]} and {counted(len(tasks) - 1, 'other task')}"
    return f"Model of {what}, from {adapted.training.source}"


def summary(adapted: Adapted, held: HeldOut, of_test: NDArray[np.float64]) -> str:
    """What was done and how good it is, for a reader who reads nothing else."""
    data, words = adapted.training.data, in_words(adapted.method)
    chosen = f"{adapted.method} ({words})"
    if len(adapted.test) > 1:
        of = f"Of {counted(len(adapted.test), 'method')} tried on the same split, {chosen} did best on the "
        choice = f"{of}validation part and was chosen."
    else:
        choice = f"{chosen} was the only method asked for."
    what = "Intervals" if data.kind == "regression" else "Sets of classes"
    on_test = coverage_reached(of_test, COVERAGE)
    also = "" if np.isnan(on_test) else f", and {on_test:.1%} of those of the test part"
    return (
        f"{counted(len(data.smiles), 'molecule')} with {counted(len(data.tasks), 'task')} of {data.kind}. "
        f"{choice} {score_sentence(adapted)} {what} made to hold {COVERAGE:.0%} of the measured labels held "
        f"{coverage_reached(held.fit, COVERAGE):.1%} of those of held-out molecules{also}."
    )


def _methods_section(adapted: Adapted) -> Section:
    scores = method_scores(adapted)
    unit = next((float(np.mean(each.seconds)) for each in scores if each.name == "finetune"), None)
    arrow = "higher is better" if adapted.metric.higher_is_better else "lower is better"
    metric = label(adapted.metric.name)
    headings = ["method", "", f"test {metric}", f"validation {metric}", "seeds", "seconds", "cost"]
    digits = digits_for([value for each in scores for value in (*each.test, *each.valid)])
    rows = [_method_row(each, adapted.method, unit, digits) for each in scores]
    marked = tuple(place for place, each in enumerate(scores) if each.name == adapted.method)
    about = (
        f"Mean ± standard deviation over seeds; {arrow}. Seconds are those of one seed, cost is against "
        "finetune. The validation part made the choice; the test part was scored after it."
    )
    told = [*difference_sentences(adapted), ensemble_sentence(adapted)]
    return Section("Methods", [*told, about], Grid(headings, rows, (0, 1), marked))


def _method_row(scores: MethodScores, chosen: str, unit: float | None, digits: int) -> list[str]:
    seconds = float(np.mean(scores.seconds))
    name = f"{scores.name} (chosen)" if scores.name == chosen else scores.name
    test = "–" if np.isnan(scores.test).all() else mean_and_spread(scores.test, digits)
    cost = "–" if unit is None else f"{seconds / unit:.2g}×"
    return [
        name,
        in_words(scores.name),
        test,
        mean_and_spread(scores.valid, digits),
        str(len(scores.valid)),
        f"{seconds:.1f}",
        cost,
    ]


def _weights_sections(adapted: Adapted) -> list[Section]:
    """A part for each method that learned objective weights."""
    found = []
    for method in adapted.test:
        trials = [t for t in adapted.trials if t.method == method and t.history]
        if trials:
            found.append(_weights_section(method, trials))
    return found


def _weights_section(method: str, trials: list[Trial]) -> Section:
    weights = learned_weights(trials)
    about = (
        "A weight is an objective's share of the pretraining update. Thin lines are seeds, thick ones their "
        "mean, the band runs from the lowest seed to the highest. The cosine is that of the objective's "
        "gradient and the direction that would help the task most."
    )
    headings = ["objective", "share at the end", "seeds above equal", "cosine", "signal-to-noise", "judged"]
    figure = weights_figure(trajectories(trials), "objective weights while learning")
    stopgaps = stopgap_sentences(solver_statuses([trial.history for trial in trials]))
    words = ", ".join(f"{label(each.name)} {np.mean(each.shares):.2f}" for each in weights)
    return Section(
        f"Objective weights of {method}",
        [*weight_sentences(method, weights), *stopgaps, about],
        Grid(headings, [_weight_row(each) for each in weights], (0, 5)),
        [Picture(figure, f"objective weights over steps; mean share at the end: {words}")],
    )


def _weight_row(weight: LearnedWeight) -> list[str]:
    signal = float(np.mean(weight.signals))
    return [
        label(weight.name),
        mean_and_spread(weight.shares),
        f"{weight.above} of {len(weight.shares)}",
        mean_and_spread(weight.cosines),
        "–" if np.isnan(signal) else f"{signal:.2f}",
        weight.verdict,
    ]


def _data_sections(adapted: Adapted) -> list[Section]:
    training = adapted.training
    findings = [[each.title, each.text, _rows(each.rows)] for each in training.findings]
    told = [f"{counted(len(training.data.smiles), 'molecule')} of {training.source} were learnt from."]
    if adapted.unlabelled:
        told.append(f"{counted(adapted.unlabelled, 'unlabelled molecule')} were pretrained on beside them.")
    told += ["Rows are counted from 1 below the header."] if findings else ["Nothing was found wrong."]
    found = [Section("Findings on the data", told, Grid(["finding", "what", "rows"], findings, (0, 1, 2)))]
    aside = training.set_aside
    if aside:
        were = "was" if len(aside) == 1 else "were"
        told = [f"{counted(len(aside), 'row')} {were} set aside and not learnt from; all are in {ASIDE}."]
        if len(aside) > SHOWN_ASIDE:
            told.append(f"The first {SHOWN_ASIDE} are shown.")
        rows = [[f"{each.row + 1:,}", each.smiles, each.reason] for each in aside[:SHOWN_ASIDE]]
        found.append(Section("Rows set aside", told, Grid(["row", "text", "reason"], rows, (0, 1, 2))))
    return found


def _rows(rows: tuple[int, ...], most: int = 10) -> str:
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return ", ".join(f"{row + 1:,}" for row in rows[:most]) + more


def _split_section(adapted: Adapted) -> Section:
    sizes = [[part, f"{size:,}"] for part, size in adapted.split.sizes.items()]
    told = (
        f"{adapted.split_name}: {SPLIT_IN_WORDS.get(adapted.split_name, 'as named')}. Its hash is "
        f"{adapted.split.digest}; two runs with the same hash compare like with like."
    )
    leaked = (
        f"{counted(len(adapted.leaked), 'test molecule')} are the compound of a train molecule but for "
        "stereochemistry, mobile hydrogens or protonation, and flatter every method: rows "
        f"{_rows(adapted.leaked)}."
        if adapted.leaked
        else "No test molecule is the compound of a train molecule."
    )
    return Section("Split", [told, leaked], Grid(["part", "molecules"], sizes))


def _making_sections(adapted: Adapted, command: str) -> list[Section]:
    config = adapted.config
    settings = {
        "methods": config.methods,
        "budget": config.budget,
        "seeds": ", ".join(map(str, config.seeds)),
        "objectives": ", ".join(map(label, config.objectives)),
        "checkpoint": config.checkpoint,
        "compute": str(config.compute),
        **_settings(adapted),
    }
    packages = {"python": platform.python_version(), **versions()}
    grid = Grid(["setting", "value"], list(map(list, settings.items())), (0, 1))
    told = f"It took {adapted.seconds:,.0f} s in all."
    return [
        Section("How this was made", [told], grid, code=command),
        Section("Versions", grid=Grid(["package", "version"], list(map(list, packages.items())), (0, 1))),
    ]


def _settings(adapted: Adapted) -> dict[str, str]:
    """Those of the budget that the methods tried did use."""
    everything = asdict(find_budget(adapted.config.budget))
    used = everything if any(t.weights for t in adapted.trials) else {"finetune": everything["finetune"]}
    return _flat(used)


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings under dotted names; functions by their name."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = getattr(value, "__qualname__", None) or str(value)
    return found
