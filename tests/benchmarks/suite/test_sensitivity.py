import numpy as np
import pytest
from scipy import stats

from molweight.benchmarks.suite.parts import tables_of
from molweight.benchmarks.suite.sensitivity import expected_best, linear_p, sensitivity_tables, variance_ratio

OBJECTIVES = ("masking", "contrastive", "edges")


def made_up(effect: float, seeds: int = 40, kind: str = "regression") -> dict:
    """A set on which one objective's share is worth `effect`, and seeds differ by 0.1."""
    generator = np.random.default_rng(3)
    shares = generator.dirichlet(np.ones(len(OBJECTIVES)), seeds)
    scores = 0.5 + effect * shares[:, 0] + generator.normal(0, 0.1, seeds)
    even = 0.5 + effect / len(OBJECTIVES) + generator.normal(0, 0.1, seeds)
    methods = {
        "random-1": (scores, dict(zip(OBJECTIVES, shares.T.tolist(), strict=True))),
        "equal": (even, dict.fromkeys(OBJECTIVES, [1 / 3] * seeds)),
    }
    return {
        "kind": kind,
        "metric": "rmse" if kind == "regression" else "roc_auc",
        "digests": ["12b68a6b6d29"],
        "seeds": seeds,
        "methods": {
            name: {"seeds": list(range(seeds)), "valid": list(found), "test": list(found), "weights": weights}
            for name, (found, weights) in methods.items()
        },
    }


def rows_of(entry: dict, methods: tuple[str, ...] = ("equal", "random-1")) -> list[tuple[str, ...]]:
    tables = sensitivity_tables("chiral-scaffold", {"sets": {"esol": entry}}, methods)
    return [row for table in tables for row in table.rows]


def test_the_interval_of_a_ratio_holds_the_true_one_in_95_of_100_samples():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        ours, theirs = generator.normal(0, 2, 12), generator.normal(5, 1, 8)
        ratio, low, high = variance_ratio(ours, theirs)
        assert low < ratio < high
        held += low < 4 < high
    assert 0.935 < held / 2000 < 0.965


def test_the_expected_best_is_the_mean_of_maxima():
    drawn = np.random.default_rng(0).normal(size=(200_000, 20)).max(axis=1)
    assert expected_best(20) == pytest.approx(drawn.mean(), abs=0.005)
    assert expected_best(1) == pytest.approx(0, abs=1e-9)


def test_with_two_objectives_the_p_is_that_of_a_straight_line():
    generator = np.random.default_rng(0)
    first = generator.uniform(size=15)
    scores = 0.3 * first + generator.normal(0, 0.2, 15)
    shares = np.stack([first, 1 - first], axis=1)
    assert linear_p(scores, shares) == pytest.approx(stats.linregress(first, scores).pvalue)


def test_the_p_is_uniform_where_shares_say_nothing():
    generator = np.random.default_rng(0)
    found = [linear_p(generator.normal(size=12), generator.dirichlet(np.ones(4), 12)) for _ in range(1000)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_too_few_weightings_have_no_p():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 4)
    assert np.isnan(linear_p([1.0, 2.0, 3.0, 4.0], shares))
    assert np.isnan(linear_p([1.0, 2.0, 3.0], np.ones((3, 1))))


def test_weights_that_matter_are_told_from_weights_that_do_not():
    for effect, told in ((1.0, True), (0.0, False)):
        for part, row in zip(("valid", "test"), rows_of(made_up(effect)), strict=True):
            assert row[:3] == ("esol (RMSE)", part, "40")
            _, low = row[5].split(" (")
            assert (float(low.split(" to ")[0]) > 1) == told
            assert (float(row[7]) < 0.05) == told
    spread = np.sqrt(2 / 36)  # of one share of three
    gain, most = rows_of(made_up(1.0))[0][6].split(" (at most ")
    assert float(gain) == pytest.approx(expected_best(20) * spread, rel=0.3)
    assert float(most[:-1]) > expected_best(20) * spread


def test_scores_of_classification_are_told_in_points():
    classes = rows_of(made_up(0.0, kind="classification"))[0]
    mean, spread = classes[3].split(" ± ")
    assert float(mean) == pytest.approx(50, abs=5)
    assert float(spread) == pytest.approx(10, rel=0.3)


def test_only_finished_pairs_on_one_split_at_the_same_settings_are_told():
    entry = made_up(0.0)
    assert rows_of(entry, ("random-1",)) == []
    assert rows_of(entry, ("random-1", "equal@descriptors=true")) == []
    assert rows_of(entry | {"digests": ["a", "b"]}) == []
    assert rows_of(entry | {"seeds": 41}) == []
    assert rows_of(made_up(0.0, seeds=2)) == []
    entry["methods"]["equal"]["valid"][3] = None  # could not be scored
    assert [row[1] for row in rows_of(entry)] == ["test"]


def test_it_is_a_part_of_a_summary():
    summary = {
        "asked": {"methods": ["equal", "random-1"]},
        "splits": {"chiral-scaffold": {"sets": {"esol": made_up(0.0)}}},
    }
    (table,) = tables_of(summary, "sensitivity", "chiral-scaffold")
    assert table.title == "chiral-scaffold: how much scores depend on the weighting"
