"""Pictures of a run over objectives: gains against unlabelled molecules, and scores against labelled ones."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from molweight.reports.pictures import COLOURS
from molweight.reports.words import label
from molweight.transfer.curves import Fit
from molweight.transfer.figures import draw_curve
from molweight.transfer.gains import Gains
from molweight.transfer.objective_designs import ObjectivesRun
from molweight.transfer.objective_findings import Findings

Array = NDArray[np.float64]

APART = 0.012  # of the width, by which objectives are drawn beside each other


def draw_gains(run: ObjectivesRun, found: Findings, metric: str) -> Figure:
    """Gain of each objective against the number of unlabelled molecules: measured, and by its curve.

    Args:
        run: finished.
        found: in it.
        metric: name of the score.
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    sizes = np.array(run.study.grid.other, np.float64)
    line = np.linspace(0.0, sizes[-1], 60)
    for number, name in enumerate(run.study.config.objectives):
        colour, fit = COLOURS[number % len(COLOURS)], run.fits[number]
        places = sizes + APART * sizes[-1] * (number - (len(run.fits) - 1) / 2)
        mean, margin = found.by_size.mean[:, number], found.by_size.high - found.by_size.mean
        axes.errorbar(
            places,
            mean,
            margin[:, number],
            fmt="o",
            color=colour,
            markersize=4,
            linewidth=0.9,
            label=label(name),
        )
        if fit is not None:
            axes.plot(line, _expected_gain(fit, run.study.grid.own, line), color=colour, linewidth=1.3)
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.set(xlabel="unlabelled molecules", ylabel=f"gain in {metric}")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_labelled(run: ObjectivesRun, metric: str) -> Figure:
    """Score against labelled molecules, with the checkpoint as it is and after pretraining on the most.

    Args:
        run: finished.
        metric: name of the score.
    """
    grid, names = run.study.grid, run.study.config.objectives
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.8 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    own, most = np.array(grid.own, np.float64), float(grid.other[-1])
    for axes, number in zip(panels, range(len(names)), strict=False):
        fit = run.fits[number]
        draw_curve(axes, own, run.alone, fit, 0.0, COLOURS[6], "checkpoint")
        draw_curve(
            axes, own, run.scores[:, :, -1, number], fit, most, COLOURS[0], f"with {most:,.0f} unlabelled"
        )
        axes.set(title=label(names[number]), xlabel="labelled molecules", ylabel=metric)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=7, loc="lower right")
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    panels[0].set_ylim(_range(np.stack([run.alone, *np.moveaxis(run.scores[:, :, -1], -1, 0)])))
    return figure


def draw_against_weights(run: ObjectivesRun, gains: Gains, metric: str) -> Figure:
    """Gain of each objective against the weights that the solver learned, a small dot for each run.

    Args:
        run: finished, with weights.
        gains: of the objectives, [objectives].
        metric: name of the score.
    """
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for number, name in enumerate(run.study.config.objectives):
        colour = COLOURS[number % len(COLOURS)]
        weights = [each.weights[name] for each in run.learned]
        mean, low, high = (float(values[number]) for values in (gains.mean, gains.low, gains.high))
        axes.plot([np.mean(weights)] * 2, [low, high], color=colour, linewidth=0.9)
        axes.plot(np.mean(weights), mean, "o", color=colour, label=label(name))
        axes.plot(weights, [mean] * len(weights), "|", color=colour, alpha=0.7)
    axes.axvline(1 / len(run.fits), color="#999999", linestyle=":", linewidth=1, label="equal share")
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.set(xlabel="learned weight λ", ylabel=f"gain in {metric}")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _range(scores: Array) -> tuple[float, float] | None:
    """From the lowest to the highest dot and deviation, however far bands reach: of [curves, folds, own]."""
    drawn = (np.isfinite(scores).sum(axis=1) >= 2).nonzero()
    if not len(drawn[0]):
        return None
    columns = scores.transpose(0, 2, 1)[drawn]  # [dots, folds]
    mean, spread = np.nanmean(columns, axis=1), np.nanstd(columns, axis=1, ddof=1)
    low, high = float((mean - spread).min()), float((mean + spread).max())
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


def _expected_gain(fit: Fit, own: tuple[int, ...], other: Array) -> Array:
    """Mean over labelled molecules of what the curve gains, at each number of unlabelled ones: [other]."""
    samples, beside = np.meshgrid(np.array(own, np.float64), other, indexing="ij")
    scores = fit.predict(samples.ravel(), beside.ravel()).reshape(samples.shape)
    without = fit.predict(np.array(own, np.float64), np.zeros(len(own)))
    gained: Array = (scores - without[:, None]).mean(axis=0)
    return gained
