"""What a report tells of each task: predictions of molecules that were held out, and the worst of them."""

import numpy as np
from numpy.typing import NDArray

from molweight.reports.page import Grid, Picture, Section, Structure
from molweight.reports.prediction_pictures import (
    draw_coverage,
    draw_error_by_similarity,
    draw_parity,
    draw_reliability,
    draw_roc_and_pr,
)
from molweight.screening.adapt import Adapted
from molweight.screening.calibration import reliability
from molweight.screening.findings import counted
from molweight.screening.held_out import LEVELS, HeldOut, coverage_reached
from molweight.screening.model import COVERAGE

PICTURED = 6  # tasks at most, those with most labels
WORST = 10
RANDOM_FOLDS, NEW_SCAFFOLDS = "held-out folds", "test part"

Values = NDArray[np.float64]


def tasks_section(adapted: Adapted, held: HeldOut, of_test: Values) -> Section:
    """A table with a line for every task."""
    data = adapted.training.data
    regression = data.kind == "regression"
    headings = ["task", "labels", *(_REGRESSION if regression else _CLASSIFICATION)]
    headings += [f"{COVERAGE:.0%} covers, {name}" for name in (RANDOM_FOLDS, NEW_SCAFFOLDS)]
    rows = []
    for task, name in enumerate(data.tasks):
        truth, value, present = _present(adapted, held, task)
        ranked = adapted.fitted.out_of_fold[present, task]
        figures = _regression_figures(truth, value) if regression else _class_figures(truth, value, ranked)
        reached = [coverage_reached(fit[..., task], COVERAGE) for fit in (held.fit, of_test)]
        rows.append([name, f"{len(truth):,}", *figures, *(_number(each, "{:.1%}") for each in reached)])
    return Section("Molecules the model has not seen", _about_table(adapted), Grid(headings, rows))


def task_sections(adapted: Adapted, held: HeldOut, of_test: Values) -> list[Section]:
    """Pictures of the tasks with most labels."""
    data = adapted.training.data
    labels = (~np.isnan(data.labels)).sum(0)
    chosen = sorted(np.argsort(-labels, kind="stable")[:PICTURED].tolist())
    return [_task_section(adapted, held, of_test, task) for task in chosen]


def worst_section(adapted: Adapted, held: HeldOut) -> Section:
    """The held-out predictions that are furthest off, drawn."""
    data, regression = adapted.training.data, adapted.training.data.kind == "regression"
    errors = np.abs(data.labels - held.value)
    scale = np.nanstd(data.labels, axis=0) if regression and len(data.tasks) > 1 else np.ones(len(data.tasks))
    order = np.argsort(-np.nan_to_num(errors / np.where(scale > 0, scale, 1.0), nan=-1.0), axis=None)
    places = [divmod(int(place), len(data.tasks)) for place in order[:WORST]]
    worst = [(i, task) for i, task in places if not np.isnan(errors[i, task])]
    structures = [Structure(data.smiles[i], _captions(adapted, held, i, task)) for i, task in worst]
    told = (
        "Held-out predictions that are furthest from what was measured"
        + (", in standard deviations of their task" if regression and len(data.tasks) > 1 else "")
        + ". A wrong label, a wrong unit or a wrong structure shows here first; so does chemistry that the "
        "other molecules say nothing about. Rows are counted from 1 below the header; the similarity is that "
        "to the nearest molecule of the other folds."
    )
    return Section("The worst predictions", [told], structures=structures)


def class_names(adapted: Adapted, task: int) -> tuple[str, str]:
    """What 0 and 1 are called in the task's column."""
    return adapted.training.classes[task]


_ABOUT = {
    "regression": "Errors are in the unit of the column: root mean square, mean absolute, and the one that "
    "half of the predictions keep within. R² is the share of the variance that is explained.",
    "classification": "ROC-AUC is the probability that a molecule of class 1 is ranked above one of class 0. "
    "Average precision is to be compared with the share of class 1. The calibration error is the mean "
    "distance of the probability given from the share observed.",
}
_REGRESSION = ("RMSE", "mean abs.", "half within", "R²")
_CLASSIFICATION = ("positive", "ROC-AUC", "average precision", "calibration error")


def _regression_figures(truth: Values, value: Values) -> list[str]:
    if len(truth) == 0:
        return ["–"] * len(_REGRESSION)
    errors = np.abs(truth - value)
    explained = 1 - np.sum(errors**2) / np.sum((truth - truth.mean()) ** 2) if truth.std() > 0 else np.nan
    off = np.sqrt(np.mean(errors**2)), errors.mean(), np.median(errors)
    return [*(_number(each, "{:.3g}") for each in off), _number(explained, "{:.2f}")]


def _class_figures(truth: Values, value: Values, ranked: NDArray[np.float32]) -> list[str]:
    """Ranked by logits: scalings fitted fold by fold would rank the folds, and against the labels."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    positive = f"{int(truth.sum()):,}"
    if len(np.unique(truth)) < 2:
        return [positive, "–", "–", "–"]
    off = reliability(value[:, None], truth[:, None].astype(np.float32)).expected_error()[0]
    scores = roc_auc_score(truth, ranked), average_precision_score(truth, ranked), off
    return [positive, *(_number(each, "{:.3f}") for each in scores)]


def _about_table(adapted: Adapted) -> list[str]:
    size = len(adapted.split.test)
    what = "an interval" if adapted.training.data.kind == "regression" else "a set of classes"
    told = [
        "Every molecule is predicted here by the one member of the ensemble that was fitted without its "
        "fold. The folds are drawn at random, so a molecule often has close relatives among those learnt "
        "from: expect more error on chemistry of another kind, as the test part has it in the table of "
        "methods.",
        _ABOUT[adapted.training.data.kind],
        f"The last columns tell how often {what} made to hold {COVERAGE:.0%} does hold the measured "
        f"label. '{RANDOM_FOLDS}': each fold is judged by the residuals of the other folds, its own have no "
        f"part in it. '{NEW_SCAFFOLDS}': the trials' predictions of the {counted(size, 'molecule')} of the "
        f"test part ({adapted.split_name} split), with the residuals of all others. The guarantee is for "
        "molecules like those at hand; on new scaffolds go by the last column, as far as "
        f"{counted(size, 'molecule')} can tell.",
    ]
    if len(adapted.training.data.tasks) > PICTURED:
        told.append(f"Pictures follow for the {PICTURED} tasks with most labels.")
    return told


def _task_section(adapted: Adapted, held: HeldOut, of_test: Values, task: int) -> Section:
    data = adapted.training.data
    truth, value, present = _present(adapted, held, task)
    title, similarity = f"Task: {data.tasks[task]}", held.similarity[present]
    regression = data.kind == "regression"
    if len(np.unique(truth)) < 2:
        return Section(title, ["Its labels are too few or all the same: there is nothing to draw."])
    if regression:
        figures = [_parity(truth, value, held.margin[present, task])]
        told = f"{counted(len(truth), 'label')}. Grey lines are {COVERAGE:.0%} intervals."
    else:
        zero, one = class_names(adapted, task)
        told = f"Class 1 is {one!r} ({int(truth.sum()):,}), class 0 is {zero!r} ({int((1 - truth).sum()):,})."
        figures = [
            _ranking(truth, adapted.fitted.out_of_fold[present, task]),
            _reliability(truth, value),
        ]
    figures.append(_coverage(held.fit[:, task], of_test[..., task]))
    what = "absolute error" if regression else "|label − probability|"
    drawn = draw_error_by_similarity(similarity, np.abs(truth - value), what, "Error and distance")
    figures.append(Picture(drawn, "error against similarity to the nearest molecule of the other folds"))
    return Section(title, [told], pictures=figures)


def _ranking(truth: Values, ranked: NDArray[np.float32]) -> Picture:
    figure = draw_roc_and_pr(truth, ranked, "Ranking of held-out molecules")
    return Picture(figure, "receiver operating characteristic, and precision against recall")


def _parity(truth: Values, value: Values, margin: Values) -> Picture:
    known = np.where(np.isfinite(margin), margin, 0.0)  # an endless interval cannot be drawn
    figure = draw_parity(truth, value, value - known, value + known, "Held-out predictions")
    return Picture(figure, "predicted against measured values of held-out molecules, with intervals")


def _reliability(truth: Values, value: Values) -> Picture:
    found = reliability(value[:, None], truth[:, None].astype(np.float32))
    full = found.molecules[0] > 0
    figure = draw_reliability(
        found.predicted[0, full], found.observed[0, full], found.molecules[0, full], "Reliability"
    )
    return Picture(figure, "share of class 1 observed against the probability given")


def _coverage(fit: Values, of_test: Values) -> Picture:
    lines = {
        name: np.array([coverage_reached(each, level) for level in LEVELS])
        for name, each in ((RANDOM_FOLDS, fit), (NEW_SCAFFOLDS, of_test))
    }
    shown = {name: values for name, values in lines.items() if np.isfinite(values).any()}
    figure = draw_coverage(np.array(LEVELS), shown, "Coverage")
    words = ", ".join(f"{name} {values[LEVELS.index(COVERAGE)]:.0%}" for name, values in shown.items())
    return Picture(figure, f"coverage reached against coverage asked for; at {COVERAGE:.0%}: {words}")


def _captions(adapted: Adapted, held: HeldOut, molecule: int, task: int) -> list[str]:
    data = adapted.training.data
    measured, value = data.labels[molecule, task], held.value[molecule, task]
    if data.kind == "regression":
        told = [f"measured {measured:.4g}, predicted {value:.4g}"]
    else:
        zero, one = class_names(adapted, task)
        told = [f"measured {(zero, one)[int(measured)]}", f"probability of {one}: {value:.2f}"]
    name = [data.tasks[task]] if len(data.tasks) > 1 else []
    row = int(adapted.training.rows[molecule]) + 1
    return [*name, *told, f"row {row:,}, similarity {held.similarity[molecule]:.2f}"]


def _present(adapted: Adapted, held: HeldOut, task: int) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Labels and held-out values of the labelled molecules, and which they are."""
    labels = adapted.training.data.labels[:, task]
    present = ~np.isnan(labels)
    return labels[present].astype(np.float64), held.value[present, task], present


def _number(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "–"
