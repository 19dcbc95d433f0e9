"""The report of a run over objectives as one HTML file that needs nothing else."""

from pathlib import Path

import numpy as np

from molweight.reports.page import Grid, Picture, Section, write_page
from molweight.reports.words import label
from molweight.screening.findings import counted
from molweight.transfer.figures import draw_ranked
from molweight.transfer.gains import Gains
from molweight.transfer.objective_designs import ObjectivesRun
from molweight.transfer.objective_figures import draw_against_weights, draw_gains, draw_labelled
from molweight.transfer.objective_findings import (
    PER,
    Findings,
    about_weights,
    answer,
    gain_text,
    mean_weights,
)
from molweight.transfer.objective_record import rows
from molweight.transfer.scoring import metric_name


def write_objectives_page(run: ObjectivesRun, found: Findings, path: Path, command: str) -> None:
    """Write what a run found.

    Args:
        run: finished.
        found: in it.
        path: HTML file to write; it appears only when it is complete.
        command: that made the run.
    """
    sections = [
        _gains_section(run, found),
        _molecules_section(run, found),
        _labelled_section(run),
        *([_weights_section(run, found)] if run.learned else []),
        _method_section(run),
        _data_section(run, command),
    ]
    data = run.study.asked.data
    title = f"Would more unlabelled molecules, or another objective, help {data.tasks[0]} ({data.source})?"
    write_page(path, title, " ".join(answer(run, found)), sections)


def _gains_section(run: ObjectivesRun, found: Findings) -> Section:
    most, level = run.study.grid.other[-1], run.study.config.level
    told = (
        f"Gain in {_metric(run)} of continued pretraining on {counted(most, 'molecule')} with one objective "
        "alone, over the checkpoint as it is, mean over numbers of labelled molecules, with intervals of "
        f"{level:.0%}. An objective helps or harms where its gain is told from 0 at a false discovery rate "
        f"of {1 - level:.0%}. Rate and worth are of {PER:,} unlabelled molecules; worth is in labelled ones."
    )
    headings = ["objective", "gain and interval", "rate × 1,000", "worth", "weight λ", "verdict"]
    named = tuple(place for place, k in enumerate(found.order) if found.gains.named[k])
    grid = Grid(headings, rows(run, found), (0, 5), named)
    ranked = Gains(*(values[found.order] for values in vars(found.gains).values()))
    names = [label(run.study.config.objectives[k]) for k in found.order]
    picture = Picture(draw_ranked(ranked, names, _metric(run)), "Gains of objectives, with intervals")
    return Section("Gains", [told, *_about_noise(run, found)], grid, [picture])


def _about_noise(run: ObjectivesRun, found: Findings) -> list[str]:
    if np.isnan(found.noise).all():
        return ["There is one pretraining of each kind on each fold, so that its noise is not known apart."]
    noise = ", ".join(
        f"{label(name)} {found.noise[k]:.3f}" for k, name in enumerate(run.study.config.objectives)
    )
    return [
        f"Each gain is a mean of {run.study.config.pretrainings} pretrainings on every fold, with molecules "
        f"in another order and another head. Means over folds differ between them by ({noise}), one standard "
        "deviation; intervals over folds have this noise in them."
    ]


def _molecules_section(run: ObjectivesRun, found: Findings) -> Section:
    sizes = run.study.grid.other
    told = (
        "Dots are measured gains with intervals over folds; lines are the fitted curves "
        "c - exp(b - a_own n - a_other m), n labelled and m unlabelled molecules, less their value at m = 0."
    )
    shown = [
        [label(name), *(gain_text(_at(found.by_size, place), k) for place in range(len(sizes)))]
        for k, name in enumerate(run.study.config.objectives)
    ]
    grid = Grid(["objective", *(f"{size:,} molecules" for size in sizes)], shown)
    picture = Picture(draw_gains(run, found, _metric(run)), "Gains against numbers of unlabelled molecules")
    return Section("More unlabelled molecules", [told], grid, [picture])


def _labelled_section(run: ObjectivesRun) -> Section:
    told = (
        "Scores of ridge regression on the frozen encoder's features, its ridge chosen by leave-one-out "
        "error. Dots are means over folds with their standard deviation, lines the fitted curves with bands."
    )
    figure = draw_labelled(run, _metric(run))
    return Section("Learning curves", [told], pictures=[Picture(figure, "Scores against labelled molecules")])


def _weights_section(run: ObjectivesRun, found: Findings) -> Section:
    weights = mean_weights(run)
    told = (
        "Each run of the three-level solver learns from the molecules outside one fold and validates on that "
        "fold. A weight is a share of the update when all objectives are used at once, a gain is what one "
        "does alone: they need not agree. The cosine is that of the objective's gradient with the best "
        "response, positive where a larger weight lowers the validation loss."
    )
    shown = [
        [
            label(name),
            f"{weights[name]:.3f}",
            ", ".join(f"{each.weights[name]:.3f}" for each in run.learned),
            ", ".join(f"{each.cosines[name]:+.3f}" for each in run.learned),
            gain_text(found.gains, run.study.config.objectives.index(name)),
        ]
        for name in sorted(weights, key=lambda name: -weights[name])
    ]
    grid = Grid(["objective", "mean weight λ", "of each run", "cosine", "gain and interval"], shown)
    figure = draw_against_weights(run, found.gains, _metric(run))
    return Section(
        "The weights that the solver learns",
        [told, about_weights(run, found)],
        grid,
        [Picture(figure, "Gains against learned weights")],
    )


def _method_section(run: ObjectivesRun) -> Section:
    config = run.study.config
    others = len(run.study.asked.unlabelled)
    beside = f" and {counted(others, 'molecule')} of a file of unlabelled ones" if others else ""
    lines = [
        f"Molecules to pretrain on are those of the other folds{beside}: none that is tested on, "
        "stereochemistry aside. They come in random order, so that each number of them is a sample of all.",
        f"Every pretraining starts from the checkpoint {config.checkpoint} and goes through its molecules in "
        f"{counted(config.epochs, 'epoch')}, however many they are, as one with more of them would do. So "
        "more molecules are more steps too; what part of a gain is of their variety alone is not told apart.",
        *_about_floor(run),
        f"Folds keep each {config.fold_kind} together; batches are of {config.batch_size}, and Adam's "
        f"learning rate is {config.lr:g}.",
    ]
    return Section("How it was measured", lines)


def _about_floor(run: ObjectivesRun) -> list[str]:
    if run.study.asked.data.kind == "classification":
        return []
    return [
        "An R² below 0, that of the fold's mean, counts as 0. It has no lower end, and one fold of molecules "
        "unlike all others would outweigh the rest."
    ]


def _data_section(run: ObjectivesRun, command: str) -> Section:
    data, config = run.study.asked.data, run.study.config
    lines = [
        f"{counted(len(data.smiles), 'molecule')}, {counted(len(data.set_aside), 'row')} set aside; "
        f"{counted(config.folds, f'{config.fold_kind} fold')}.",
        *data.remarks,
        *run.study.asked.remarks,
    ]
    return Section("Data and command", lines, code=command)


def _at(gains: Gains, place: int) -> Gains:
    return Gains(*(values[place] for values in vars(gains).values()))


def _metric(run: ObjectivesRun) -> str:
    return metric_name(run.study.asked.data.kind)
