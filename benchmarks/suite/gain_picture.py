"""What our methods gain on each reference, by data set, with intervals over test molecules and seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from molweight.paths import replacing
from molweight.reports.pictures import COLOURS
from molweight.tasks.variants import AT


def draw_gains(
    told: Mapping[str, Any], methods: Sequence[str], title: str, path: Path, shared: str = ""
) -> None:
    """Write the picture: a panel for each reference, a line for each classification set and their mean.

    Args:
        told: of a split, as in `summary.json`.
        methods: those to draw, a colour each.
        title: of the picture.
        path: file to write.
        shared: settings of all variants, which their names are shown without.
    """
    names = [name for name, entry in told["sets"].items() if entry["kind"] == "classification"]
    lines, rivals = [*names, "mean"], list(told["mean_gains"])
    titles = [f"gain on {rival.replace(shared, '')}".replace(AT, f"\n{AT}") for rival in rivals]
    height = 1.1 + len(lines) * max(0.24, 0.11 * len(methods)) + 0.18 * max(t.count(AT) for t in titles)
    figure = Figure(figsize=(3.2 * len(rivals) + 1, height), layout="constrained")
    panels = figure.subplots(1, len(rivals), sharey=True, squeeze=False)[0]
    for axes, rival, heading in zip(panels, rivals, titles, strict=True):
        for number, method in enumerate(methods):
            found = [told["sets"][name]["gains"][rival].get(method) for name in names]
            found.append(told["mean_gains"][rival].get(method))
            _intervals(
                axes,
                found,
                0.7 * ((number + 0.5) / len(methods) - 0.5),
                COLOURS[number % len(COLOURS)],
                method.replace(shared, ""),
            )
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.axhline(len(names) - 0.5, color="#999999", linewidth=0.6, linestyle=":")
        axes.set(xlabel="points of ROC-AUC")
        axes.set_title(heading, fontsize=10)
    panels[0].set_yticks(range(len(lines)), lines)
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    figure.suptitle(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(methods), frameon=False, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _intervals(
    axes: Axes, found: Sequence[Mapping[str, Any] | None], offset: float, colour: str, name: str
) -> None:
    """A dot and its interval on each line; nothing where there is no gain to tell."""
    for place, gain in enumerate(found):
        if gain is not None:
            ends = 100 * np.array(gain["over_both"], np.float64)
            axes.plot(ends, [place + offset] * 2, color=colour, linewidth=1.6)
    places = [place + offset for place, gain in enumerate(found) if gain is not None]
    means = [100 * gain["mean"] for gain in found if gain is not None]
    axes.plot(means, places, "o", color=colour, markersize=4, label=name)
