"""What more samples of a task would do to the score of one, as the fitted curves foretell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from molweight.errors import ConfigError
from molweight.transfer.curves import Fit
from molweight.transfer.forms import FORMS


@dataclass(frozen=True)
class Samples:
    """How many samples: of the task that is scored, and of the other one."""

    own: float
    other: float = 0.0


@dataclass(frozen=True)
class Change:
    """A forecast.

    Attributes:
        before: score now.
        after: score with what is added.
        low: lower end of the interval of their difference.
        high: upper end of the interval of their difference.
        unknown: parameters that the change rests on and that the scores do not tell; with any of these, the
            rest is not to be used.
        beyond: samples, own or other, that are more than the curve was fitted to.
    """

    before: float
    after: float
    low: float
    high: float
    unknown: tuple[str, ...]
    beyond: tuple[str, ...]

    @property
    def told(self) -> bool:
        """Whether the interval is one of a change that is not 0."""
        return not self.unknown and (self.low > 0 or self.high < 0)


def forecast_change(fit: Fit, now: Samples, then: Samples) -> Change:
    """The change from one point of a curve to another, with the interval of the difference (delta method).

    Args:
        fit: EXP3 where there is no other task, EXP3.2 where there is.
        now: samples so far.
        then: samples after some are added.
    """
    own, other = np.array([now.own, then.own]), np.array([now.other, then.other])
    before, after = (float(score) for score in fit.predict(own, other))
    slopes = FORMS[fit.form].jacobian(fit.values, own, other)
    slope = slopes[1] - slopes[0]
    error = float(np.sqrt(max(slope @ fit.covariance @ slope, 0.0)))
    margin = float(stats.t.ppf((1 + fit.level) / 2, fit.folds - 1)) * error
    change = after - before
    moved = [rate for name, rate in _rates(fit).items() if getattr(then, name) != getattr(now, name)]
    unknown = tuple(rate for rate in moved if not fit.parameters[rate].identified)
    beyond = tuple(
        n for n, most in zip(("own", "other"), fit.largest, strict=True) if getattr(then, n) > most
    )
    return Change(before, after, change - margin, change + margin, unknown, beyond)


def parse_counts(option: str, texts: Sequence[str], tasks: Sequence[str], least: int) -> dict[str, int]:
    """Numbers of samples by task, from texts such as `B=200`.

    Args:
        option: that they were given with.
        texts: as given.
        tasks: all there are.
        least: number that is allowed.

    Raises:
        ConfigError: if a text is not of this form, its task unknown or twice there, or its number too small.

    >>> parse_counts("--add", ["logP=200"], ["logS", "logP"], 1)
    {'logP': 200}
    """
    counts: dict[str, int] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not (number.isascii() and number.isdecimal()) or int(number) < least:
            raise ConfigError(
                f"{option} {text}: give a task and a whole number of {least} or more, as in B=200"
            )
        if name not in tasks or name in counts:
            why = "is named twice" if name in counts else f"is none of the tasks: {', '.join(tasks)}"
            raise ConfigError(f"{option} {text}: {name!r} {why}")
        counts[name] = int(number)
    return counts


def sentence(
    change: Change, task: str, added: Mapping[str, int], counts: Mapping[str, int], metric: str
) -> str:
    """The forecast in plain words.

    Args:
        change: what `forecast_change` gives.
        task: that is scored.
        added: samples of each task that are added.
        counts: samples of each task so far.
        metric: name of the score.
    """
    more = " and ".join(f"{number:,} more samples of {name}" for name, number in added.items())
    so_far = " and ".join(f"{counts[name]:,} of {name}" for name in dict.fromkeys([task, *added]))
    if change.unknown:
        return (
            f"What {more} would do to {task} cannot be foretold: {' and '.join(change.unknown)} "
            "is not identified, that is, the scores of this run do not tell it from any other value."
        )
    verdict = "" if change.told else " The folds do not tell this from no change."
    return (
        f"With {more} beside {so_far}, the {metric} of {task} is expected to go from {change.before:.3f} to "
        f"{change.after:.3f}, a change of {change.after - change.before:+.3f} (interval {change.low:+.3f} to "
        f"{change.high:+.3f}).{verdict}{_about_size(change, task)}"
    )


def _about_size(change: Change, task: str) -> str:
    if not change.beyond:
        return ""
    which = {"own": f"of {task}", "other": "of the other task"}
    sizes = " and ".join(which[name] for name in change.beyond)
    return (
        f" This takes the curve past the largest samples {sizes} that it was fitted to: the interval is of "
        "the fit alone, and does not cover a curve that bends otherwise further on."
    )


def _rates(fit: Fit) -> dict[str, str]:
    """The rate that goes with samples of the task's own, and of the other."""
    return {"own": "a_own", "other": "a_other"} if "a_other" in fit.parameters else {"own": "a"}
