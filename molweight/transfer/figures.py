"""Pictures of a run: gains of all pairs, gains ranked, and curves; each a figure, for a page to take in."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from molweight.reports.pictures import COLOURS
from molweight.transfer.curves import Fit
from molweight.transfer.designs import TransferRun
from molweight.transfer.gains import Gains

Array = NDArray[np.float64]

WRITTEN = 12  # tasks: up to here, cells have their number written in
LABELLED = 40  # tasks: up to here, rows and columns have names
_LONGEST = 24  # characters of a name


def clustered(gains: Array) -> NDArray[np.int64]:
    """An order that puts tasks side by side that help, and are helped by, the same ones (average linkage).

    Args:
        gains: [helped, helper], NaN where unknown.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    if len(gains) < 3:
        return np.arange(len(gains))
    profile = np.nan_to_num(np.hstack([gains, gains.T]))
    distances = pdist(profile)
    return leaves_list(optimal_leaf_ordering(linkage(distances, "average"), distances)).astype(np.int64)


def draw_matrix(gains: Gains, tasks: Sequence[str], metric: str) -> Figure:
    """Gain of each task (row) from samples of each other (column), clustered; a dot where told from 0.

    Args:
        gains: of pairs, [helped, helper].
        tasks: their names.
        metric: name of the score.
    """
    order = clustered(gains.mean)
    values, named = gains.mean[np.ix_(order, order)], gains.named[np.ix_(order, order)]
    side = float(np.clip(0.42 * len(tasks), 2.6, 8.0))
    figure = Figure(figsize=(side + 2.6, side + 1.6), layout="constrained")
    axes = figure.add_subplot()
    most = float(np.abs(np.nan_to_num(values)).max()) or 1.0
    axes.set_facecolor("#DDDDDD")
    drawn = axes.imshow(values, cmap="RdBu", vmin=-most, vmax=most)
    figure.colorbar(drawn, ax=axes, label=f"gain in {metric}", shrink=0.8)
    _name_axes(axes, [_short(tasks[t]) for t in order])
    for row, column in np.argwhere(np.isfinite(values) if len(tasks) <= WRITTEN else named):
        text = f"{values[row, column]:+.2f}" if len(tasks) <= WRITTEN else "•"
        dark = abs(values[row, column]) > 0.6 * most
        weight = "bold" if named[row, column] else "normal"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
            weight=weight,
        )
    return figure


def draw_ranked(gains: Gains, names: Sequence[str], metric: str) -> Figure:
    """Gains [n] in the order given, the first on top, with intervals; those told from 0 in colour.

    Args:
        gains: to draw.
        names: of each.
        metric: name of the score.
    """
    figure = Figure(figsize=(6.4, 0.24 * len(names) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(names))[::-1]
    for place, mean, low, high, named in zip(
        places, gains.mean, gains.low, gains.high, gains.named, strict=True
    ):
        colour = "#999999" if not named else COLOURS[0] if mean > 0 else COLOURS[1]
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot(mean, place, "o", color=colour, markersize=4)
    axes.axvline(0, color="#555555", linewidth=0.8)
    axes.set_yticks(places, list(names))
    axes.set(xlabel=f"gain in {metric}", ylim=(-0.8, len(names) - 0.2))
    return figure


def draw_curves(run: TransferRun, tasks: Sequence[int], metric: str) -> Figure:
    """Scores against own samples, alone and with all other tasks, with fitted curves and their bands.

    Args:
        run: finished.
        tasks: to draw, one panel each.
        metric: name of the score.
    """
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    own = np.array(run.grid.own, np.float64)
    for axes, task in zip(panels, tasks, strict=False):
        draw_curve(axes, own, run.alone[:, :, task], run.fits_alone[task], 0.0, COLOURS[6], "alone")
        others = float(run.context_samples[-1, task])
        with_all = f"with {others:,.0f} of others"
        beside = run.context[:, :, -1, task]
        draw_curve(axes, own, beside, run.fits_context[task], others, COLOURS[0], with_all)
        if run.reference is not None:
            draw_dots(axes, own, run.reference[:, :, task], COLOURS[2], "random forest alone", "x")
        axes.set(title=_short(run.data.tasks[task]), xlabel="own samples", ylabel=metric)
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    return figure


def draw_curve(
    axes: Axes, own: Array, scores: Array, fit: Fit | None, other: float, colour: str, name: str
) -> None:
    """Scores with the curve that was fitted to them and its band.

    Args:
        axes: to draw on.
        own: sizes, float64 [own].
        scores: [folds, own].
        fit: None where there is none.
        other: number of the other samples.
        colour: of all.
        name: for the legend.
    """
    draw_dots(axes, own, scores, colour, name)
    if fit is not None:
        line = np.linspace(own[0], own[-1], 60)
        beside = np.full_like(line, other)
        axes.plot(line, fit.predict(line, beside), color=colour, linewidth=1.4)
        axes.fill_between(line, *fit.band(line, beside), color=colour, alpha=0.15, linewidth=0)


def draw_dots(axes: Axes, own: Array, scores: Array, colour: str, name: str, mark: str = "o") -> None:
    """Means over folds and their standard deviations, of sizes that two folds have.

    Args:
        axes: to draw on.
        own: sizes, float64 [own].
        scores: [folds, own].
        colour: of all.
        name: for the legend.
        mark: of a mean.
    """
    known = np.isfinite(scores).sum(0) >= 2
    if known.any():
        mean, spread = np.nanmean(scores[:, known], 0), np.nanstd(scores[:, known], 0, ddof=1)
        axes.errorbar(
            own[known], mean, spread, fmt=mark, color=colour, markersize=3, linewidth=0.8, label=name
        )


def _name_axes(axes: Axes, names: Sequence[str]) -> None:
    axes.set(xlabel="samples of", ylabel="score of")
    places = range(len(names)) if len(names) <= LABELLED else []
    shown = list(names) if len(names) <= LABELLED else []
    axes.set_xticks(places, shown, rotation=90)
    axes.set_yticks(places, shown)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
