import math

import pytest

from molweight.screening.learned_weights import LearnedWeight, learned_weights, weight_sentences
from molweight.screening.trials import Trial
from molweight.solver import StepRecord


def weight(shares, cosines, signals=(2.0,)):
    return LearnedWeight("edge_prediction", list(shares), 0.25, list(cosines), list(signals))


@pytest.mark.parametrize(
    ("shares", "cosines", "verdict"),
    [
        ([0.1] * 5, [-0.2] * 5, "harmful"),
        ([0.4] * 5, [0.2] * 5, "helpful"),
        ([0.1] * 4 + [0.3], [-0.2] * 5, "not distinguished"),
        ([0.1] * 5, [-0.2] * 4 + [0.1], "not distinguished"),
        ([0.1] * 5, [math.nan] * 5, "not distinguished"),
        ([0.1], [-0.2], "not distinguished"),
    ],
)
def test_a_verdict_needs_all_seeds_by_share_and_by_cosine(shares, cosines, verdict):
    assert weight(shares, cosines).verdict == verdict


def test_sentences_give_the_counts_and_what_chance_would_do():
    told = " ".join(weight_sentences("tapweight", [weight([0.1] * 5, [-0.2] * 5)]))
    assert "Edge prediction was judged harmful in 5 of 5 seeds" in told
    assert "probability of 0.062" in told
    mixed = " ".join(weight_sentences("tapweight", [weight([0.1, 0.3, 0.3], [0.1] * 3, [0.5])]))
    assert "not distinguished: its share ended above an equal one in 2 of 3 seeds and below it in 1" in mixed
    assert "mostly noise" in mixed


def test_one_seed_supports_nothing():
    (told,) = weight_sentences("tapweight", [weight([0.1], [-0.2])])
    assert "one seed supports no statement" in told
    assert "harmful" not in told


def test_shares_are_of_the_sum_where_the_strength_is_learned():
    empty = {"a": math.nan, "b": math.nan}
    record = StepRecord(1, {"a": 0.3, "b": 0.1}, empty, empty, empty, 0.0, 0.0, {}, {})
    trial = Trial("tapweight-strength", 0, 0.5, None, 1.0, record.weights, [record])
    first, second = learned_weights([trial])
    assert (first.shares, second.shares) == ([pytest.approx(0.75)], [pytest.approx(0.25)])
    assert (first.above, second.below) == (1, 1)
