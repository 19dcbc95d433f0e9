"""The critical-difference picture of mean ranks (Demšar, JMLR 2006, figure 1)."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from molweight.benchmarks.suite.ranking import Ranking
from molweight.benchmarks.suite.summary import is_ours
from molweight.paths import replacing
from molweight.reports.pictures import COLOURS

GREY = "#333333"


def draw_ranks(ranking: Ranking, title: str, path: Path) -> None:
    """Write the picture: methods on an axis of mean ranks, bars join those that cannot be told apart.

    Args:
        ranking: of the methods; ours are drawn in colour.
        title: of the picture.
        path: file to write.
    """
    half = math.ceil(len(ranking.methods) / 2)
    bars = 0.28 * len(ranking.cliques)
    figure = Figure(figsize=(8.4, 1.3 + bars + 0.26 * half), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    _scale(axes, len(ranking.methods), ranking.difference)
    for number, (first, last) in enumerate(ranking.cliques):
        low, high = ranking.ranks[first] - 0.06, ranking.ranks[last] + 0.06
        axes.plot([low, high], [-0.3 - 0.28 * number] * 2, color=GREY, linewidth=3.5, solid_capstyle="butt")
    for place in range(len(ranking.methods)):
        left = place < half
        row = place if left else len(ranking.methods) - 1 - place
        _name(axes, ranking, place, left, -0.6 - bars - 0.42 * row)
    axes.set_title(title, pad=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _scale(axes: Axes, methods: int, difference: float) -> None:
    """The axis of ranks at height 0, and the critical difference above it."""
    axes.plot([1, methods], [0, 0], color=GREY, linewidth=1)
    for rank in range(1, methods + 1):
        axes.plot([rank, rank], [0, 0.12], color=GREY, linewidth=1)
        axes.text(rank, 0.2, str(rank), ha="center", va="bottom", fontsize=8)
    end = 1 + difference
    axes.plot([1, end], [0.95, 0.95], color=COLOURS[6], linewidth=1, marker="|", markersize=7)
    axes.text(
        (1 + end) / 2, 1.02, f"critical difference {difference:.2f}", ha="center", va="bottom", fontsize=8
    )


def _name(axes: Axes, ranking: Ranking, place: int, left: bool, height: float) -> None:
    """A method's name at the side, joined to its rank by an elbow."""
    method, rank = ranking.methods[place], ranking.ranks[place]
    colour = COLOURS[1] if is_ours(method) else GREY
    side = 1 - 0.04 * len(ranking.methods) if left else len(ranking.methods) * 1.04
    axes.plot([rank, rank, side], [0, height, height], color=colour, linewidth=0.8)
    text = f"{method}  {rank:.2f}" if left else f"{rank:.2f}  {method}"
    weight = "bold" if is_ours(method) else "normal"
    align = "right" if left else "left"
    gap = -0.01 * len(ranking.methods) if left else 0.01 * len(ranking.methods)
    axes.text(side + gap, height, text, ha=align, va="center", fontsize=8, color=colour, weight=weight)
