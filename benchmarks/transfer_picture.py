"""A picture of what methods find against what they cost."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from molweight.benchmarks.transfer_outcomes import Interval, Power
from molweight.reports.pictures import COLOURS


def draw_power(found: Sequence[Power]) -> Figure:
    """Power, and beside it false alarms, against processor time of a pair, with intervals.

    Args:
        found: methods; where there are several overlaps, those of the largest are drawn.
    """
    most = max(each.overlap for each in found)
    shown = [each for each in found if each.overlap == most]
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _points(left, shown, [each.power for each in shown])
    _points(right, shown, [each.false for each in shown])
    left.set(title="pairs that help", ylabel="called helping", ylim=(0, 1.02))
    right.set(title="pairs without help (dotted: 2.5 %)", ylabel="called helping")
    right.axhline(0.025, color="#555555", linewidth=0.8, linestyle=":")
    right.set_ylim(bottom=0)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(shown), frameon=False, fontsize=8)
    return figure


def _points(axes: Axes, shown: Sequence[Power], shares: Sequence[Interval]) -> None:
    for each, (value, low, high), colour in zip(shown, shares, COLOURS, strict=False):
        axes.plot([each.seconds] * 2, [low, high], color=colour, linewidth=1.4)
        axes.plot(each.seconds, value, "o", color=colour, markersize=5, label=each.method)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="processor seconds a pair")
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
