"""The report of a run as one HTML file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from molweight.reports.page import Grid, Picture, Section, write_page
from molweight.screening.findings import counted
from molweight.transfer.advice import Advice, how_measured
from molweight.transfer.curves import Fit
from molweight.transfer.designs import Design, LearnerKind, TransferRun
from molweight.transfer.figures import draw_curves, draw_matrix, draw_ranked
from molweight.transfer.gains import Gains
from molweight.transfer.record import worth
from molweight.transfer.scoring import metric_name
from molweight.transfer.tag import LEAST_OVERLAP, thinly_shared

SHOWN = 30  # pairs ranked
CURVES = 9  # tasks drawn
NAMED = 20  # pairs of negative transfer named in a sentence each

LEARNERS_TOLD: dict[Design, str] = {
    "efficient": "The learner is kernel ridge regression with a correlation between the two tasks, chosen by "
    "leave-one-out error on the helped task's own samples. As it may choose 0, harm is small here: it is "
    "what a wrong choice costs, and a network that must share its trunk can lose more.",
    "full": "The learner is {}, with a head for each task, trained afresh at every point and in full. As its "
    "trunk has to be shared, it can be harmed.",
    "walk": "The learner is {}, with a head for each task, that walks from one size of the task's own sample "
    "to the next, with a few steps after each increment. It is trained for less than in full.",
}
NETWORKS_TOLD: dict[LearnerKind, str] = {
    "mlp": "a network on frozen features",
    "gin": "the pretrained encoder, tuned as a whole",
}

Pair = tuple[int, int]


def write_transfer_page(run: TransferRun, advice: Advice, path: Path, command: str) -> None:
    """Write what a run found.

    Args:
        run: finished.
        advice: drawn from it.
        path: HTML file to write; it appears only when it is complete.
        command: that made the run.
    """
    sections = [
        _matrix_section(run, advice),
        _harm_section(run, advice),
        _ranked_section(run, advice),
        _context_section(run, advice),
        _grouping_section(run, advice),
        *([_confirmed_section(run)] if run.confirmed else []),
        *([_affinity_section(run, advice, advice.affinities)] if advice.affinities else []),
        _curves_section(run, advice),
        _data_section(run, command),
    ]
    title = f"Which of {counted(len(run.data.tasks), 'task')} of {run.data.source} help each other"
    write_page(path, title, _summary(run, advice), sections)


def _summary(run: TransferRun, advice: Advice) -> str:
    named, mean = advice.pairs.named, advice.pairs.mean
    helping, harming = int((named & (mean > 0)).sum()), int((named & (mean < 0)).sum())
    known = int(np.isfinite(mean).sum())
    return (
        f"Of {counted(known, 'pair')} of tasks, samples of one help the other in {helping} and harm it in "
        f"{harming}, at a false discovery rate of {1 - run.config.level:.0%}; of the others the folds do not "
        f"tell. Scores are {metric_name(run.data.kind)}, on molecules of folds that were not learned from. "
        "A gain is the difference that samples of other tasks make, mean over sizes of the task's own sample."
    )


def _matrix_section(run: TransferRun, advice: Advice) -> Section:
    told = (
        f"Each row is a task that is scored, each column one whose samples are added, up to "
        f"{run.grid.other[-1]} of them. What is told from 0 is bold, or has a dot in a large matrix. Tasks "
        "that help, and are helped by, the same ones stand side by side."
    )
    learner = LEARNERS_TOLD[run.config.design].format(NETWORKS_TOLD[run.config.learner])
    figure = draw_matrix(advice.pairs, run.data.tasks, metric_name(run.data.kind))
    return Section(
        "Gains of all pairs", [told, learner], pictures=[Picture(figure, "Matrix of gains of pairs")]
    )


def _harm_section(run: TransferRun, advice: Advice) -> Section:
    gains, tasks = advice.pairs, run.data.tasks
    pairs = [pair for pair in _by_gain(gains) if gains.named[pair] and gains.mean[pair] < 0][::-1]
    lines = [
        f"Samples of {tasks[helper]} harm {tasks[helped]}: {_interval(gains, (helped, helper))}."
        for helped, helper in pairs[:NAMED]
    ]
    if len(pairs) > NAMED:
        lines.append(f"So do {counted(len(pairs) - NAMED, 'other pair')}, in the matrix.")
    return Section("Negative transfer", lines or ["No pair in which samples of one harm the other was told."])


def _ranked_section(run: TransferRun, advice: Advice) -> Section:
    gains, ranked = advice.pairs, _by_gain(advice.pairs)
    half = SHOWN // 2
    shown = ranked if len(ranked) <= SHOWN else ranked[:half] + ranked[-half:]
    left_out = len(ranked) - len(shown)
    between = f" {counted(left_out, 'pair')} between the two ends are left out." if left_out else ""
    told = (
        f"Gain from the largest sample of one other task, with intervals of {run.config.level:.0%}.{between} "
        "Worth is how many samples of its own one sample of the other is worth, by the fitted curve."
    )
    rows = [
        [run.data.tasks[i], run.data.tasks[j], _interval(gains, (i, j)), _worth(run.fits_pairs.get((i, j)))]
        for i, j in shown
    ]
    grid = Grid(["helped", "helper", "gain and interval", "worth"], rows, (0, 1), _marked(gains, shown))
    names = [f"{run.data.tasks[j]} → {run.data.tasks[i]}" for i, j in shown]
    picture = _ranked_picture(run, gains, shown, names)
    return Section("Pairs ranked", [told], grid, picture)


def _context_section(run: TransferRun, advice: Advice) -> Section:
    gains = advice.everyone
    ranked = [(t,) for t in np.argsort(-gains.mean, kind="stable").tolist() if np.isfinite(gains.mean[t])]
    rows = [
        [
            run.data.tasks[t],
            f"{run.context_samples[-1, t]:,.0f}",
            _interval(gains, (t,)),
            _worth(run.fits_context[t]),
        ]
        for (t,) in ranked
    ]
    headings = ["task", "samples of others", "gain and interval", "worth"]
    told = "Gain of each task from samples of all other tasks together, taken for one task."
    names = [run.data.tasks[t] for (t,) in ranked]
    picture = _ranked_picture(run, gains, ranked[:SHOWN], names[:SHOWN])
    return Section(
        "Each task with all others", [told], Grid(headings, rows, marked=_marked(gains, ranked)), picture
    )


def _grouping_section(run: TransferRun, advice: Advice) -> Section:
    tasks = run.data.tasks
    rows = [
        [
            ", ".join(tasks[t] for t in group),
            f"{float(advice.expected[list(group)].mean()):+.3f}",
            _mean_of(advice.over_own.tasks, group),
            _mean_of(advice.over_everyone.tasks, group),
        ]
        for group in advice.groups
    ]
    headings = ["learned together", "expected", "measured, over one model each", "measured, over one for all"]
    told = [
        "These groups have the largest sum of gains told from 0. Expected is the mean gain of pairs, on the "
        "folds that the groups were chosen by; measured is what groups came to for these tasks with the same "
        "learner, on folds that they were not chosen by.",
        f"Over all tasks, groups gain {_interval(advice.over_own.mean, ())} over one model for each task, "
        f"and {_interval(advice.over_everyone.mean, ())} over one model for all. "
        + how_measured(advice.alike, run.config.folds),
    ]
    return Section("Recommended grouping", told, Grid(headings, rows))


def _confirmed_section(run: TransferRun) -> Section:
    tasks = run.data.tasks
    rows = [
        [
            tasks[each.helped],
            tasks[each.helper],
            f"{_mean(np.array(each.alone)):.3f}",
            f"{_mean(np.array(each.together)):.3f}",
            f"{each.gain:+.3f} ({each.low:+.3f} to {each.high:+.3f})",
        ]
        for each in run.confirmed
    ]
    told = "The strongest pairs, trained in full: a network for the helped task alone, and one for both."
    grid = Grid(["helped", "helper", "alone", "together", "gain and interval"], rows, (0, 1))
    return Section("Confirmed by networks", [told], grid)


def _affinity_section(run: TransferRun, advice: Advice, affinities: Gains) -> Section:
    tasks, thin = run.data.tasks, thinly_shared(run.data.labels)
    both = np.isfinite(affinities.mean) & np.isfinite(advice.pairs.mean)
    lines = [
        "TAG (Fifty et al. 2021): by what share a step of a shared trunk for one task (column) lowers the "
        "loss of another (row), on the molecules it is learned from. One training for all pairs; it says "
        "nothing about how many samples help."
    ]
    if both.sum() > 2 and np.ptp(affinities.mean[both]) > 0 and np.ptp(advice.pairs.mean[both]) > 0:
        agreement = spearmanr(affinities.mean[both], advice.pairs.mean[both]).statistic
        lines.append(f"Over pairs, its rank correlation with the measured gains is {agreement:+.2f}.")
    if thin:
        named = "; ".join(f"{tasks[i]} and {tasks[j]}" for i, j in thin[:NAMED])
        more = f"; and {counted(len(thin) - NAMED, 'more pair')}" if len(thin) > NAMED else ""
        lines.append(
            f"{counted(len(thin), 'pair')} of tasks share fewer than {LEAST_OVERLAP:.0%} of the molecules "
            f"of the smaller one, and affinities find help less often among such: {named}{more}."
        )
    figure = draw_matrix(affinities, tasks, "relative loss")
    return Section("Task affinities", lines, pictures=[Picture(figure, "Matrix of task affinities")])


def _curves_section(run: TransferRun, advice: Advice) -> Section:
    size = np.nan_to_num(np.abs(advice.everyone.mean), nan=-1.0)
    shown = np.argsort(-size, kind="stable")[:CURVES].tolist()
    told = (
        "Dots are means over folds with their standard deviation, lines the fitted curves with bands of "
        f"{run.config.level:.0%}"
        + (", crosses a random forest alone" if run.reference is not None else "")
        + (f". The {len(shown)} tasks that others change most." if len(size) > CURVES else ".")
    )
    forms = "; ".join(f"{name}: {error:.4f}" for name, error in sorted(run.forms.items(), key=lambda f: f[1]))
    lines = [told]
    if forms:
        lines.append(f"Error of each form in foretelling the largest size from the smaller ones: {forms}.")
    figure = draw_curves(run, shown, metric_name(run.data.kind))
    return Section("Learning curves", lines, pictures=[Picture(figure, "Scores against numbers of samples")])


def _data_section(run: TransferRun, command: str) -> Section:
    data = run.data
    lines = [
        f"{counted(len(data.smiles), 'molecule')}, {counted(len(data.set_aside), 'row')} set aside; "
        f"{counted(run.config.folds, f'{run.config.fold_kind} fold')}, {run.config.features} features.",
        *data.remarks,
    ]
    rows = [[each.name, each.reason] for each in data.left_out]
    grid = Grid(["column left out", "why"], rows, (0, 1)) if rows else None
    return Section("Data and command", lines, grid, code=command)


def _ranked_picture(
    run: TransferRun, gains: Gains, chosen: Sequence[tuple[int, ...]], names: Sequence[str]
) -> list[Picture]:
    if not chosen:
        return []
    part = Gains(*(np.array([values[place] for place in chosen]) for values in vars(gains).values()))
    figure = draw_ranked(part, names, metric_name(run.data.kind))
    return [Picture(figure, "Gains ranked, with intervals")]


def _by_gain(gains: Gains) -> list[Pair]:
    """Pairs of known gain, the largest first."""
    rows, columns = np.nonzero(np.isfinite(gains.mean))
    order = np.argsort(-gains.mean[rows, columns], kind="stable")
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def _interval(gains: Gains, place: tuple[int, ...]) -> str:
    return f"{gains.mean[place]:+.3f} ({gains.low[place]:+.3f} to {gains.high[place]:+.3f})"


def _marked(gains: Gains, places: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(row for row, place in enumerate(places) if gains.named[place])


def _mean_of(gains: Gains, group: Sequence[int]) -> str:
    values: NDArray[np.float64] = gains.mean[list(group)]
    return f"{float(values.mean()):+.3f}" if np.isfinite(values).all() else "too few scores"


def _worth(fit: Fit | None) -> str:
    if fit is None:
        return "no curve"
    found = worth(fit)
    return "not identified" if np.isnan(found) else f"{found:.2f}"


def _mean(values: NDArray[np.float64]) -> float:
    """Of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
