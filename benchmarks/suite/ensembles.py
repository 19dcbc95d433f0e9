"""What the models of all seeds predict together: their mean output, scored as one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.suite.comparison import percentile_interval
from molweight.benchmarks.suite.redrawing import molecule_draws
from molweight.benchmarks.suite.results import SetResults
from molweight.screening.bootstrap import resampled_scores
from molweight.tasks.metrics import Metric

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ensembles:
    """Test scores of the mean output over seeds: values, logits of networks, probabilities of forests.

    Attributes:
        metric: of the scores.
        tests: of each method that has finished all seeds.
        drawn: the same on test molecules drawn anew, [draws] each; the draws are those of single models.
    """

    metric: Metric
    tests: Mapping[str, float]
    drawn: Mapping[str, Array]

    def mean_gain(self, method: str, rival: str) -> float:
        """How much better one method is than another."""
        return float(self._better(self.tests[method], self.tests[rival]))

    def drawn_gain(self, method: str, rival: str) -> Array:
        """The same in each draw, [draws]."""
        return self._better(self.drawn[method], self.drawn[rival])

    def gain(self, method: str, rival: str) -> dict[str, Any]:
        """The same, with its interval over test molecules."""
        drawn = self.drawn_gain(method, rival)
        return {"mean": self.mean_gain(method, rival), "over_molecules": percentile_interval(drawn)}

    def _better(self, ours: Any, theirs: Any) -> Any:
        return ours - theirs if self.metric.higher_is_better else theirs - ours


def ensembles_of(found: SetResults, name: str) -> Ensembles | None:
    """Ensembles over the seeds of each method; None where seeds have other test molecules, or there is one.

    Args:
        found: what was reached on a data set.
        name: of the data set and split; decides the draws.
    """
    seeds = len(found.digests)
    if seeds < 2 or len(set(found.digests)) > 1:
        return None
    predicted = {method: found.predictions(method) for method in found.outcomes}
    means = {m: np.mean(list(each.values()), axis=0) for m, each in predicted.items() if len(each) == seeds}
    if not means:
        return None
    first = min(found.labels)
    labels = found.labels[first]
    once = np.ones((1, len(labels)))
    counts = np.concatenate([once, molecule_draws(len(labels), name, first)])
    scores = dict(
        zip(means, resampled_scores(found.metric, labels, list(means.values()), counts), strict=True)
    )
    return Ensembles(
        found.metric,
        {method: float(each[0]) for method, each in scores.items()},
        {method: each[1:] for method, each in scores.items()},
    )


def ensemble_facts(found: Ensembles, rivals: Sequence[str]) -> dict[str, Any]:
    """What `summary.json` says of the ensembles on one data set: scores, and gains on the rivals."""
    gains = {
        rival: {method: found.gain(method, rival) for method in found.tests if method != rival}
        for rival in rivals
        if rival in found.tests
    }
    return {"test": dict(found.tests), "gains": gains}


def mean_of_ensembles(sets: Sequence[Ensembles | None], rivals: Sequence[str]) -> dict[str, Any] | None:
    """The same of several data sets together, for methods that have ensembles on all of them.

    Draws of different sets are independent: the mean of their gains, draw by draw, is a draw of the mean.

    Args:
        sets: of each data set, with scores of one kind.
        rivals: to compare with.

    Returns:
        Means and mean gains; None where there is no set, or one has no ensemble.
    """
    known = [each for each in sets if each is not None]
    if not known or len(known) < len(sets):
        return None
    methods = [method for method in known[0].tests if all(method in each.tests for each in known)]
    gains = {
        rival: {method: _mean_gain(known, method, rival) for method in methods if method != rival}
        for rival in rivals
        if rival in methods
    }
    return {"test": {m: float(np.mean([each.tests[m] for each in known])) for m in methods}, "gains": gains}


def _mean_gain(sets: Sequence[Ensembles], method: str, rival: str) -> dict[str, Any]:
    drawn = np.mean([each.drawn_gain(method, rival) for each in sets], axis=0)
    mean = float(np.mean([each.mean_gain(method, rival) for each in sets]))
    return {"mean": mean, "over_molecules": percentile_interval(drawn)}
