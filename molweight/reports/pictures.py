"""Pictures as PNG files, drawn without a display."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from molweight.paths import replacing
from molweight.reports.words import label

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#555555",
    "#F0E442",
)  # Okabe-Ito


def draw_losses(losses: Mapping[str, Sequence[float]], every: int, path: Path) -> None:
    """Each objective's loss against the step, one panel each because their scales differ.

    Args:
        losses: mean loss of consecutive stretches of steps.
        every: steps to a stretch.
        path: file to write.
    """
    figure = Figure(figsize=(3 * len(losses), 2.6), layout="constrained")
    for number, (name, values) in enumerate(losses.items()):
        axes = figure.add_subplot(1, len(losses), number + 1)
        axes.plot(every * np.arange(1, len(values) + 1), values, color=COLOURS[number % len(COLOURS)])
        axes.set(title=label(name), xlabel="step", ylabel="loss" if number == 0 else "")
    _save(figure, path)


def draw_weights(trajectories: Mapping[str, Sequence[Sequence[float]]], title: str, path: Path) -> None:
    """Write the picture of `weights_figure`."""
    _save(weights_figure(trajectories, title), path)


def weights_figure(trajectories: Mapping[str, Sequence[Sequence[float]]], title: str) -> Figure:
    """Objective weights over steps: a line for each seed, a thick one for their mean, and their band.

    Args:
        trajectories: objective to one trajectory for each seed, all of one length.
        title: of the picture.
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, seeds) in enumerate(trajectories.items()):
        colour = COLOURS[number % len(COLOURS)]
        values = np.array(seeds)  # [seeds, steps]
        steps = np.arange(values.shape[1])
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
        axes.plot(steps, values.T, color=colour, linewidth=0.6, alpha=0.5)
        axes.plot(steps, values.mean(0), color=colour, linewidth=2, label=label(name))
    axes.axhline(1 / len(trajectories), color="#999999", linestyle=":", linewidth=1, label="equal share")
    figure.suptitle(title, fontsize="medium", wrap=True)  # over the legend too, or a long one is cut
    axes.set(xlabel="step", ylabel="objective weight λ")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_scores(scores: Mapping[str, Sequence[float]], metric: str, title: str, path: Path) -> None:
    """Test score of each method: a dot for each seed and a bar for their mean.

    Args:
        scores: method to one score for each seed.
        metric: name for the axis.
        title: of the picture.
        path: file to write.
    """
    figure = Figure(figsize=(1.1 * len(scores) + 1.8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for place, values in enumerate(scores.values()):
        colour = COLOURS[place % len(COLOURS)]
        axes.plot([place - 0.25, place + 0.25], [np.mean(values)] * 2, color=colour, linewidth=3)
        offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
        axes.plot(place + np.asarray(offsets), values, "o", color=colour, alpha=0.6)
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set(title=title, ylabel=f"test {label(metric)}")
    _margin(axes)
    _save(figure, path)


@dataclass(frozen=True)
class Curve:
    """Cost by size, and the range of sizes in which it is linear."""

    cost: Mapping[int, float]
    linear: tuple[int, int]


def draw_growth(panels: Mapping[str, Mapping[str, Curve]], linear: float, path: Path) -> None:
    """Cost of one thing against how many there are, as multiples of the cheapest.

    Args:
        panels: label of the size to one curve for each thing that is done, all of the same sizes.
        linear: cost up to which growth counts as linear, a dotted line; dots are full in a curve's range.
        path: file to write.
    """
    figure = Figure(figsize=(4.6 * len(panels), 3.4), layout="constrained")
    colours = iter(COLOURS)
    for number, (size, curves) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for name, curve in curves.items():
            colour, sizes = next(colours), list(curve.cost)
            axes.plot(sizes, list(curve.cost.values()), color=colour, label=label(name))
            for place, cost in curve.cost.items():
                inside = curve.linear[0] <= place <= curve.linear[1]
                axes.plot(place, cost, "o", color=colour, markerfacecolor=colour if inside else "white")
            axes.set_xscale("log")
            axes.set_xticks(sizes, [f"{place:,}" for place in sizes])
        axes.minorticks_off()
        axes.axhline(linear, color="#999999", linestyle=":", linewidth=1, label="linear up to here")
        top = 1.1 * max(max(curve.cost.values()) for curve in curves.values())
        axes.set(xlabel=size, ylabel="cost a molecule" if number == 0 else "", ylim=(0, max(top, linear)))
        axes.legend(frameon=False, loc="lower left")
    _save(figure, path)


def _margin(axes: Axes) -> None:
    axes.margins(x=0.1, y=0.15)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
