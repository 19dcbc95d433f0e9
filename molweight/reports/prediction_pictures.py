"""Pictures of predictions on molecules a model has not seen; each is a figure, for a page to take in."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from molweight.reports.pictures import COLOURS

Array = NDArray[np.floating]
_DOTS: dict[str, Any] = {"s": 12, "alpha": 0.5, "linewidths": 0, "rasterized": True}
_SIZE = (3.25, 3.05)  # inches: three to a row of a page


def draw_parity(measured: Array, predicted: Array, lower: Array, upper: Array, title: str) -> Figure:
    """Predicted against measured values, [molecules] each, with the interval of every molecule."""
    figure, axes = _axes(title)
    axes.vlines(measured, lower, upper, color="#BBBBBB", linewidth=0.4, alpha=0.6, rasterized=True)
    axes.scatter(measured, predicted, color=COLOURS[0], **_DOTS)
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    axes.plot(ends, ends, color="#555555", linewidth=1)
    room = 0.05 * float(np.ptp(measured))
    axes.set(xlabel="measured", ylabel="predicted", xlim=(measured.min() - room, measured.max() + room))
    return figure


def draw_roc_and_pr(labels: Array, ranked: Array, title: str) -> Figure:
    """The receiver operating characteristic and precision against recall, side by side.

    Args:
        labels: 0 or 1, both of them there, [molecules].
        ranked: the higher, the more class 1, [molecules].
        title: of the picture.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    figure = Figure(figsize=(2 * _SIZE[0], _SIZE[1]), layout="constrained")
    roc, pr = figure.subplots(1, 2)
    false, true, _ = roc_curve(labels, ranked)
    roc.plot(false, true, color=COLOURS[0], label=f"area {roc_auc_score(labels, ranked):.3f}")
    roc.plot([0, 1], [0, 1], color="#999999", linestyle=":", linewidth=1, label="chance")
    roc.set(xlabel="false positive rate", ylabel="true positive rate")
    precision, recall, _ = precision_recall_curve(labels, ranked)
    area = average_precision_score(labels, ranked)
    pr.plot(recall, precision, color=COLOURS[1], label=f"average precision {area:.3f}")
    pr.axhline(labels.mean(), color="#999999", linestyle=":", linewidth=1, label="chance")
    pr.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    for axes in (roc, pr):
        axes.legend(frameon=False, loc="lower right" if axes is roc else "best")
    figure.suptitle(title)
    return figure


def draw_reliability(predicted: Array, observed: Array, counts: NDArray[np.int64], title: str) -> Figure:
    """Share of class 1 against the probability given, a dot for each bin, as large as the bin is full."""
    figure, axes = _axes(title)
    axes.plot([0, 1], [0, 1], color="#555555", linewidth=1)
    axes.plot(predicted, observed, color=COLOURS[0], linewidth=1)
    axes.scatter(predicted, observed, s=12 + 200 * counts / counts.sum(), color=COLOURS[0], alpha=0.7)
    axes.set(xlabel="probability given", ylabel="share observed", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    return figure


def draw_coverage(asked: Array, reached: Mapping[str, Array], title: str) -> Figure:
    """Share of molecules inside their interval or set against the coverage asked for.

    Args:
        asked: [levels].
        reached: what a line is called to its values, [levels], NaN where there is none.
        title: of the picture.
    """
    figure, axes = _axes(title)
    axes.plot([0.45, 1], [0.45, 1], color="#555555", linewidth=1, label="as asked")
    for number, (name, values) in enumerate(reached.items()):
        axes.plot(asked, values, "o-", color=COLOURS[number], markersize=4, label=name)
    axes.set(xlabel="coverage asked for", ylabel="coverage reached", xlim=(0.45, 1.0), ylim=(None, 1.02))
    axes.legend(frameon=False)
    return figure


def draw_error_by_similarity(similarity: Array, error: Array, ylabel: str, title: str) -> Figure:
    """Errors against the similarity to the nearest training molecule, with the mean of each fifth.

    Args:
        similarity: highest Tanimoto similarity to a molecule the model was trained on, [molecules].
        error: absolute error, or |label − probability|, [molecules].
        ylabel: what the error is.
        title: of the picture.
    """
    figure, axes = _axes(title)
    axes.scatter(similarity, error, color=COLOURS[0], **_DOTS)
    fifths = [part for part in np.array_split(np.argsort(similarity), 5) if len(part)]
    x, y = ([float(values[part].mean()) for part in fifths] for values in (similarity, error))
    axes.plot(x, y, "o-", color=COLOURS[1], label="mean of each fifth")
    axes.set(xlabel="similarity to the nearest training molecule", ylabel=ylabel)
    axes.legend(frameon=False)
    return figure


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot(title=title)
    axes.grid(linewidth=0.4, alpha=0.5)
    return figure, axes
