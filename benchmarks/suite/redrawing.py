"""Scores of a benchmark with test molecules, and with seeds, drawn anew."""

from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from molweight.screening.bootstrap import draw_counts, resampled_scores
from molweight.tasks.metrics import Metric

DRAWS = 2_000
_SEEDS_STREAM = 10**6  # tells draws of seeds from those of molecules, which are named after a seed

Array = NDArray[np.float64]


def resample(
    metric: Metric,
    labels: Mapping[int, NDArray[np.float32]],
    parts: Mapping[int, str],
    predicted: Mapping[str, Mapping[int, NDArray[np.float32]]],
    name: str,
    draws: int = DRAWS,
) -> dict[str, dict[int, Array]]:
    """Scores of every method and seed on test molecules drawn with replacement, the same for all methods.

    Seeds with one and the same split share its draws; where each seed has a split of its own, molecules are
    drawn within its test part.

    Args:
        metric: by which the methods are compared.
        labels: of each seed's test part, [molecules, tasks].
        parts: the split of each seed, by its digest.
        predicted: of each method and seed that is finished, [molecules, tasks].
        name: of the data set; decides the draws, so that those of two sets are independent.
        draws: how many.

    Returns:
        For each method and seed, [draws]; NaN where a draw leaves no task to score.
    """
    found: dict[str, dict[int, Array]] = {method: {} for method in predicted}
    for part in dict.fromkeys(parts.values()):
        seeds = [seed for seed in labels if parts[seed] == part]
        cells = [(method, seed) for method, done in predicted.items() for seed in seeds if seed in done]
        if cells:
            truth = labels[seeds[0]]
            counts = molecule_draws(len(truth), name, seeds[0], draws)
            scores = resampled_scores(metric, truth, [predicted[m][seed] for m, seed in cells], counts)
            for (method, seed), drawn in zip(cells, scores, strict=True):
                found[method][seed] = drawn
    return found


def molecule_draws(molecules: int, name: str, seed: int, draws: int = DRAWS) -> Array:
    """How often each test molecule is drawn: [draws, molecules].

    Args:
        molecules: how many.
        name: of the data set.
        seed: the first of those that share a split.
        draws: how many.
    """
    return draw_counts(molecules, (crc32(name.encode()), seed), draws)


def seed_weights(seeds: int, name: str, draws: int = DRAWS) -> Array:
    """What each seed counts when seeds are drawn with replacement, too: [draws, seeds], rows of sum 1.

    Few drawn anew vary less than those they stand for; the weights are spread by what that takes away (the
    rescaled bootstrap of Rao & Wu, J. Am. Stat. Assoc. 1988).

    Args:
        seeds: how many.
        name: of the data set; decides the draws.
        draws: how many.
    """
    if seeds < 2:
        return np.ones((draws, seeds))
    generator = np.random.default_rng((crc32(name.encode()), _SEEDS_STREAM))
    shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
    return 1 / seeds + np.sqrt(seeds / (seeds - 1)) * (shares - 1 / seeds)
