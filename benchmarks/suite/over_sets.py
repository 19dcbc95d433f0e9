"""What is told of several data sets of a suite together: means, ranks, wins, corrected tests and goals."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from molweight.benchmarks.suite.agreement import agreement
from molweight.benchmarks.suite.comparison import mean_of_differences, percentile_interval, verdict
from molweight.benchmarks.suite.ensembles import mean_of_ensembles
from molweight.benchmarks.suite.ranking import holm, least_corrected, rank_methods, signed_rank
from molweight.benchmarks.suite.summary import (
    OURS,
    REFERENCES,
    SetSummary,
    all_references,
    gain_draws,
    gain_of,
    is_ours,
    our_pairs,
    references,
)
from molweight.tasks.variants import base_of

CLASSIFICATION = "classification"
HEADLINE = "chiral-scaffold"
PUBLISHED = (
    0.742  # best mean of a GIN of this size on the chiral scaffold split: supervised + context prediction
)
GOALS = {"finetune": 0.02, "equal": 0.01}  # mean gains that count as success

Sets = Mapping[str, SetSummary]


def summarise_over(split: str, sets: Sets, methods: Sequence[str]) -> dict[str, Any]:
    """All that is told of the data sets of one split together; goals are of the headline split alone.

    Args:
        split: its name.
        sets: those begun, by name.
        methods: that were asked for.
    """
    ranking = rank_methods(_signed_means(sets, methods), methods, list(sets), (OURS, *REFERENCES))
    means = {method: _mean(sets, method) for method in methods}
    gains = {
        rival: {m: each for m in methods if m != rival and (each := mean_gain(sets, m, rival))}
        for rival in all_references(methods)
    }
    return {
        "means": means,
        "mean_gains": gains,
        "ensembles": mean_of_ensembles(
            [s.ensembles for s in _of_kind(sets, CLASSIFICATION)], all_references(methods)
        ),
        "ranking": asdict(ranking) if ranking else None,
        "pairs": compare_pairs(sets, methods),
        "goals": {
            m: _goals(sets, m, references(m, methods), means, gains)
            for m in methods
            if is_ours(m) and split == HEADLINE
        },
        "agreement": {
            m: found
            for m in methods
            if is_ours(m) and (found := agreement([s.entry for s in sets.values()], m))
        },
    }


def mean_gain(sets: Sets, method: str, rival: str) -> dict[str, Any] | None:
    """Mean gain over the classification sets that both have finished, and its intervals.

    Draws of different sets are independent: the mean of their gains, draw by draw, is a draw of the mean.
    """
    both = [s for s in _of_kind(sets, CLASSIFICATION) if s.finished(method) and s.finished(rival)]
    if not both:
        return None
    molecules, seeds = np.mean([gain_draws(s, method, rival) for s in both], axis=0)
    mean, *ends = mean_of_differences([(s.scores(method), s.scores(rival)) for s in both])
    return {
        "mean": mean,
        "over_both": percentile_interval(seeds),
        "over_molecules": percentile_interval(molecules),
        "over_seeds": ends,
        "sets": len(both),
    }


def compare_pairs(sets: Sets, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Our methods against every other: wins, ties and losses over sets, and Wilcoxon's test.

    Holm's correction is made within the comparisons with the references, and within all others.
    """
    found = [
        _pair(sets, method, rival, rival in references(method, methods))
        for method, rival in our_pairs(methods)
    ]
    for claims in (True, False):
        family = [pair for pair in found if pair["claim"] == claims]
        corrected = holm([pair["p"] for pair in family])
        least = least_corrected([len(pair["sets"]) for pair in family])
        for pair, reached, possible in zip(family, corrected, least, strict=True):
            pair |= {"corrected": reached, "too_few": not possible <= 0.05}
    return found


def _pair(sets: Sets, method: str, rival: str, claim: bool) -> dict[str, Any]:
    both = {name: s for name, s in sets.items() if s.finished(method) and s.finished(rival)}
    gains = {name: gain_of(summary, method, rival) for name, summary in both.items()}
    verdicts = {name: verdict(*each.over_both) for name, each in gains.items()}
    counts = Counter(verdicts.values())
    relative = [each.relative for each in gains.values() if np.isfinite(each.relative)]
    return {
        "method": method,
        "against": rival,
        "claim": claim,
        "sets": list(both),
        "wins": counts["win"],
        "ties": counts["tie"],
        "losses": counts["loss"],
        "lost": [name for name, said in verdicts.items() if said == "loss"],
        "median": float(np.median(relative)) if relative else float("nan"),
        "p": signed_rank(relative),
    }


def _goals(
    sets: Sets,
    method: str,
    compared: Sequence[str],
    means: Mapping[str, float],
    gains: Mapping[str, Any],
) -> dict[str, Any]:
    """Where a method stands to each of the goals of the protocol; all sets that were begun count."""
    rivals = {base_of(reference): reference for reference in compared if base_of(reference) in GOALS}
    return {
        "gains": {
            base: {"mean": found["mean"], "sets": found["sets"], "wanted": GOALS[base]}
            for base, rival in rivals.items()
            if (found := gains[rival].get(method))
        },
        "lost": sorted(
            name
            for name, summary in sets.items()
            for rival in rivals.values()
            if (found := summary.entry["gains"].get(rival, {}).get(method))
            and verdict(*found["over_both"]) == "loss"
        ),
        "mean": means[method],
        "published": PUBLISHED,
        "below_forest": [
            name
            for name, summary in sets.items()
            if (found := summary.entry["gains"].get("rf", {}).get(method)) and found["mean"] <= 0
        ],
        "compared_with_forest": sum(method in s.entry["gains"].get("rf", {}) for s in sets.values()),
        "validation_rank": _validation_rank(sets, method),
    }


def _validation_rank(sets: Sets, method: str) -> float:
    """Mean rank among our methods by mean validation score, over the sets that all of them have finished."""
    ranks = []
    for summary in sets.values():
        mine = [m for m in summary.tests if is_ours(m)]
        if all(summary.finished(m) for m in mine):
            sign = 1 if summary.metric.higher_is_better else -1
            scores = [-sign * float(np.mean(summary.entry["methods"][m]["valid"])) for m in mine]
            ranks.append(stats.rankdata(scores)[mine.index(method)])
    return float(np.mean(ranks)) if ranks else float("nan")


def _signed_means(sets: Sets, methods: Sequence[str]) -> NDArray[np.float64]:
    rows = [
        [(1 if s.metric.higher_is_better else -1) * s.mean(method) for method in methods]
        for s in sets.values()
    ]
    return np.array(rows, np.float64).reshape(len(sets), len(methods))


def _mean(sets: Sets, method: str) -> float:
    """Of the classification sets; NaN unless all are finished."""
    scores = [summary.mean(method) for summary in _of_kind(sets, CLASSIFICATION)]
    return float(np.mean(scores)) if scores else float("nan")


def _of_kind(sets: Sets, kind: str) -> list[SetSummary]:
    return [summary for summary in sets.values() if summary.metric.kind == kind]
