"""What the learned objective weights say, and with how many seeds they say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from molweight.reports.tables import mean_and_spread
from molweight.reports.weight_evidence import weight_evidence
from molweight.reports.words import label
from molweight.screening.trials import Trial

Verdict = Literal["helpful", "harmful", "not distinguished"]


@dataclass(frozen=True)
class LearnedWeight:
    """What became of one objective's weight.

    Attributes:
        name: of the objective.
        shares: at the end, of the sum over objectives, by seed.
        equal: the share of each objective before anything is learned.
        cosines: mean cosine of its gradient and the best response over all steps, by seed; positive where
            a larger weight lowers the validation loss.
        signals: mean of the hypergradient over its standard deviation in the last steps, by seed.
    """

    name: str
    shares: list[float]
    equal: float
    cosines: list[float]
    signals: list[float]

    @property
    def above(self) -> int:
        """In how many seeds it ended above an equal share."""
        return sum(share > self.equal for share in self.shares)

    @property
    def below(self) -> int:
        """In how many seeds it ended below an equal share."""
        return sum(share < self.equal for share in self.shares)

    @property
    def verdict(self) -> Verdict:
        """Helpful or harmful where two seeds or more all say so, each by its share and by its cosine."""
        seeds = len(self.shares)
        if seeds > 1 and self.above == seeds and min(self.cosines) > 0:
            return "helpful"
        if seeds > 1 and self.below == seeds and max(self.cosines) < 0:
            return "harmful"
        return "not distinguished"


def learned_weights(trials: Sequence[Trial]) -> list[LearnedWeight]:
    """Each objective of the trials of one method, all of which have a history."""
    found = []
    seen = weight_evidence([trial.history for trial in trials])
    final = [trial.history[-1].weights for trial in trials]
    for name, moved in seen.items():
        shares = [weights[name] / sum(weights.values()) for weights in final]
        found.append(LearnedWeight(name, shares, 1 / len(seen), moved["cosine"], moved["signal_to_noise"]))
    return found


def trajectories(trials: Sequence[Trial]) -> dict[str, list[list[float]]]:
    """Objective to its weights after each step, a list for each seed."""
    names = trials[0].history[0].weights
    return {name: [[record.weights[name] for record in trial.history] for trial in trials] for name in names}


def weight_sentences(method: str, weights: Sequence[LearnedWeight]) -> list[str]:
    """What may be said of each objective, and of all of them."""
    seeds = len(weights[0].shares)
    if seeds == 1:
        return [
            f"{method} was run with one seed, and one seed supports no statement about an objective: "
            "another one may end elsewhere. A larger budget runs more of them."
        ]
    chance = 2.0 ** (1 - seeds)
    return [
        f"An objective without influence would still end on the same side of an equal share in all {seeds} "
        f"seeds with a probability of {chance:.2g}, as tossed coins do: of {len(weights)} such objectives "
        f"{chance * len(weights):.2g} on average. All seeds share one split; another may judge otherwise.",
        *(_sentence(weight) for weight in weights),
    ]


def _sentence(weight: LearnedWeight) -> str:
    seeds, name = len(weight.shares), label(weight.name).capitalize()
    told = f"cosine {mean_and_spread(weight.cosines)}, {_signal(weight.signals)}"
    if weight.verdict == "harmful":
        return (
            f"{name} was judged harmful in {weight.below} of {seeds} seeds: its share ended below an equal "
            f"one, and its gradient pointed against the task ({told})."
        )
    if weight.verdict == "helpful":
        return (
            f"{name} was judged helpful in {weight.above} of {seeds} seeds: its share ended above an equal "
            f"one, and its gradient pointed with the task ({told})."
        )
    if seeds in (weight.above, weight.below):
        side = "above" if weight.above else "below"
        return (
            f"{name} is not distinguished: its share ended {side} an equal one in {seeds} of {seeds} seeds, "
            f"but the direction of its gradient does not bear that out in all of them ({told})."
        )
    return (
        f"{name} is not distinguished: its share ended above an equal one in {weight.above} of {seeds} "
        f"seeds and below it in {weight.below} ({told})."
    )


def _signal(signals: Sequence[float]) -> str:
    mean = float(np.mean(signals))
    if np.isnan(mean):
        return "too few steps for a signal-to-noise ratio"
    noisy = ", so single steps were mostly noise" if mean < 1 else ""
    return f"signal-to-noise ratio {mean:.2f} in the last steps{noisy}"
