"""What a run over objectives says: who helps, whether more molecules would, or another objective."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from molweight.reports.words import label
from molweight.screening.findings import counted
from molweight.transfer.forecast import Change, Samples, forecast_change
from molweight.transfer.gains import Gains, over_folds, over_sizes
from molweight.transfer.objective_designs import ObjectivesRun
from molweight.transfer.record import EFFECTS, worth
from molweight.transfer.scoring import metric_name

Array = NDArray[np.float64]

PER = 1_000  # molecules, in which rates and worth are told
LEAST_RANKED = 3  # objectives, for a correlation of ranks


@dataclass(frozen=True)
class Findings:
    """Gains are differences of scores, mean over numbers of labelled molecules and over pretrainings.

    Attributes:
        gains: of each objective with the most molecules, over the checkpoint as it is, [objectives].
        by_size: the same with each number of molecules, [molecules, objectives]; not named for each.
        more: from the second most molecules to the most, [objectives]; None where there is one number.
        pairs: of the gains of two objectives, the first less the second, [pairs].
        names: of these two, as positions.
        noise: standard deviation of an objective's gain over pretrainings, [objectives]; NaN for one.
        doubled: what as many molecules again are expected to do, with the most labelled ones.
        agreement: rank correlation of mean learned weights and gains; NaN where there is none.
    """

    gains: Gains
    by_size: Gains
    more: Gains | None
    pairs: Gains
    names: tuple[tuple[int, int], ...]
    noise: Array
    doubled: tuple[Change | None, ...]
    agreement: float

    def verdict(self, objective: int) -> str:
        """Helps, harms or unclear."""
        return EFFECTS[_told(self.gains, objective)]

    @property
    def order(self) -> list[int]:
        """Objectives, the largest gain first."""
        return np.argsort(-np.nan_to_num(self.gains.mean, nan=-np.inf), kind="stable").tolist()


def find(run: ObjectivesRun) -> Findings:
    """Compare scores on the same folds."""
    level, grid = run.study.config.level, run.study.grid
    change = over_sizes(run.scores - run.alone[:, :, None, None])  # [folds, molecules, objectives]
    names = tuple(combinations(range(change.shape[2]), 2))
    pairs = np.stack([change[:, -1, a] - change[:, -1, b] for a, b in names], axis=1) if names else None
    each = over_sizes(
        run.adapted[:, :, -1] - run.alone[:, :, None, None]
    )  # [folds, objectives, pretrainings]
    several = each.shape[2] > 1
    now, then = (Samples(grid.own[-1], times * grid.other[-1]) for times in (1, 2))
    gains = over_folds(change[:, -1], level)
    return Findings(
        gains,
        over_folds(change, level),
        over_folds(change[:, -1] - change[:, -2], level) if len(grid.other) > 1 else None,
        over_folds(np.zeros((len(change), 0)) if pairs is None else pairs, level),
        names,
        each.mean(axis=0).std(axis=-1, ddof=1) if several else np.full(change.shape[2], np.nan),
        tuple(None if fit is None else forecast_change(fit, now, then) for fit in run.fits),
        _agreement(run, gains),
    )


def answer(run: ObjectivesRun, found: Findings) -> list[str]:
    """Sentences: which objectives help, whether more molecules would, and whether another objective."""
    return [_who_helps(run, found), _more(run, found), _another(run, found)]


def about_weights(run: ObjectivesRun, found: Findings) -> str:
    """How the learned weights go with the gains, and how little so few objectives say."""
    count = len(run.study.config.objectives)
    runs = counted(len(run.learned), "run")
    if np.isnan(found.agreement):
        return f"The solver's weights, over {runs}, cannot be ranked against gains of so few objectives."
    orders = int(np.prod(np.arange(1, count + 1)))
    return (
        f"Over {count} objectives, the rank correlation of the solver's mean weights ({runs}) with the gains "
        f"is {found.agreement:+.2f}. {count} points say little: of their {orders} orders chance alone "
        f"hits the same one once in {orders}."
    )


def mean_weights(run: ObjectivesRun) -> dict[str, float]:
    """Mean learned weight of each objective; nothing where none were learned."""
    names = run.study.config.objectives if run.learned else ()
    return {name: float(np.mean([each.weights[name] for each in run.learned])) for name in names}


def rate_text(run: ObjectivesRun, objective: int) -> str:
    """The rate of the fitted curve per 1,000 molecules, with its interval."""
    fit = run.fits[objective]
    if fit is None:
        return "no curve"
    rate = fit.parameters["a_other"]
    if not rate.identified:
        return "not identified"
    return f"{PER * rate.value:+.2f} ({PER * rate.low:+.2f} to {PER * rate.high:+.2f})"


def worth_text(run: ObjectivesRun, objective: int) -> str:
    """How many labelled molecules 1,000 unlabelled ones are worth, by the fitted curve."""
    fit = run.fits[objective]
    value = worth(fit) if fit else np.nan
    return "not identified" if np.isnan(value) else f"{round(PER * value):+d}"


def gain_text(gains: Gains, place: int) -> str:
    """A gain and its interval."""
    return f"{gains.mean[place]:+.3f} ({gains.low[place]:+.3f} to {gains.high[place]:+.3f})"


def _who_helps(run: ObjectivesRun, found: Findings) -> str:
    names = [label(name) for name in run.study.config.objectives]
    most = counted(run.study.grid.other[-1], "unlabelled molecule")
    told = []
    for effect in ("helps", "harms"):
        these = [f"{names[k]} {gain_text(found.gains, k)}" for k in found.order if found.verdict(k) == effect]
        told += [f"{effect}: {', '.join(these)}"] if these else []
    if not told:
        return (
            f"With {most}, none of {counted(len(names), 'objective')} changes the "
            f"{metric_name(run.study.asked.data.kind)} by enough to be told from 0."
        )
    return f"With {most}, what {'; what '.join(told)}."


def _more(run: ObjectivesRun, found: Findings) -> str:
    return f"{_measured_of_more(run, found)} {_expected_of_more(run, found)}"


def _measured_of_more(run: ObjectivesRun, found: Findings) -> str:
    names, sizes = [label(name) for name in run.study.config.objectives], run.study.grid.other
    if found.more is None:
        return "One number of molecules was tried, so that nothing is measured of more."
    step = f"from {sizes[-2]:,} to {sizes[-1]:,} molecules"
    up, down = (
        [f"{names[k]} {gain_text(found.more, k)}" for k in found.order if _told(found.more, k) == sign]
        for sign in (1, -1)
    )
    fall = f"; these fall: {', '.join(down)}" if down else ""
    if up:
        return f"More unlabelled data helps: {step}, these rise: {', '.join(up)}{fall}."
    return f"More unlabelled data is not shown to help: {step}, no rise is told from 0{fall}."


def _expected_of_more(run: ObjectivesRun, found: Findings) -> str:
    best = found.order[0]
    name, change = label(run.study.config.objectives[best]), found.doubled[best]
    if change is None or change.unknown:
        return f"The curve of {name}, of the largest gain, does not tell what more would do."
    verdict = "" if change.told else ", which is not told from 0"
    return (
        f"By the curve of {name}, of the largest gain, as many again would change the score by "
        f"{change.after - change.before:+.3f} ({change.low:+.3f} to {change.high:+.3f}){verdict}; this takes "
        "the curve past where it was fitted."
    )


def _another(run: ObjectivesRun, found: Findings) -> str:
    names = [label(name) for name in run.study.config.objectives]
    if len(names) < 2:
        return "Of another objective nothing is known: only one was tried."
    told = []
    for place, (first, second) in enumerate(found.names):
        if sign := _told(found.pairs, place):
            ahead = "better" if sign > 0 else "worse"
            told.append(f"{names[first]} is {ahead} than {names[second]}, {gain_text(found.pairs, place)}")
    if told:
        return f"The choice of the objective matters: {'; '.join(told)}."
    return "Another objective is not shown to help: no two are told apart."


def _told(gains: Gains, place: int) -> int:
    """1 or -1 for a gain that is told from 0, else 0."""
    return int(np.sign(gains.mean[place])) if gains.named[place] else 0


def _agreement(run: ObjectivesRun, gains: Gains) -> float:
    weights = list(mean_weights(run).values())
    known = bool(weights) and bool(np.isfinite(gains.mean).all()) and len(weights) >= LEAST_RANKED
    if not known or np.ptp(weights) == 0 or np.ptp(gains.mean) == 0:
        return float("nan")
    return float(spearmanr(weights, gains.mean).statistic)
