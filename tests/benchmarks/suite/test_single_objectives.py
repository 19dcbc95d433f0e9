import numpy as np
import pytest
from scipy import stats

from molweight.benchmarks.suite.parts import tables_of
from molweight.benchmarks.suite.single_objectives import blocked_variance, single_objective_tables

OBJECTIVES = ("attribute-masking", "contrastive", "edge-prediction")


def made_up(effect: float, seeds: int = 12, kind: str = "regression", settings: str = "") -> dict:
    """A set on which objectives differ by `effect`, seeds by 0.3, and what is left by 0.1."""
    generator = np.random.default_rng(5)
    shared = generator.normal(0, 0.3, seeds)
    scores = {
        f"single-{name}{settings}": 0.5 + effect * place + shared + generator.normal(0, 0.1, seeds)
        for place, name in enumerate(OBJECTIVES)
    }
    return {
        "kind": kind,
        "metric": "rmse" if kind == "regression" else "roc_auc",
        "higher_is_better": kind == "classification",
        "digests": ["12b68a6b6d29"],
        "seeds": seeds,
        "methods": {name: {"valid": list(found), "test": list(found)} for name, found in scores.items()},
    }


def rows_of(entry: dict, methods: list[str] | None = None) -> list[tuple[str, ...]]:
    told = {"sets": {"esol": entry}}
    tables = single_objective_tables("chiral-scaffold", told, methods or list(entry["methods"]))
    return [row for table in tables for row in table.rows]


def test_two_treatments_are_told_as_by_a_paired_t_test():
    scores = np.random.default_rng(0).normal(size=(2, 9)) + np.arange(9)
    _, within, p = blocked_variance(scores)
    assert p == pytest.approx(stats.ttest_rel(*scores).pvalue)
    assert within == pytest.approx(np.std(scores[0] - scores[1], ddof=1) / np.sqrt(2))


def test_both_deviations_are_those_that_made_the_scores():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):
        treatments, blocks = generator.normal(0, 2, (6, 1)), generator.normal(0, 5, (1, 8))
        found.append(blocked_variance(treatments + blocks + generator.normal(size=(6, 8)))[:2])
    between, within = np.mean(np.square(found), axis=0)
    assert between == pytest.approx(4, rel=0.1)
    assert within == pytest.approx(1, rel=0.05)


def test_the_p_is_uniform_where_treatments_are_alike():
    generator = np.random.default_rng(0)
    found = [blocked_variance(generator.normal(size=(4, 5)))[2] for _ in range(1000)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_objectives_that_matter_are_told_whatever_seeds_share():
    for effect, told in ((0.2, True), (0.0, False)):
        for part, row in zip(("valid", "test"), rows_of(made_up(effect)), strict=True):
            assert row[:3] == ("esol (RMSE)", part, "12")
            assert (float(row[7]) < 0.05) == told
            assert float(row[6]) == pytest.approx(0.1, rel=0.3)
    best, worst = rows_of(made_up(0.2))[0][3:5]
    assert best.startswith("attribute masking ")
    assert worst.startswith("edge prediction ")
    best, worst = rows_of(made_up(0.2, kind="classification"))[0][3:5]
    assert best.startswith("edge prediction ")
    assert worst.startswith("attribute masking ")
    assert float(rows_of(made_up(0.2))[0][5]) == pytest.approx(0.2, rel=0.3)


def test_only_finished_ones_at_the_same_settings_are_told():
    entry = made_up(0.0)
    names = list(entry["methods"])
    assert rows_of(entry, names[:1]) == []
    assert rows_of(entry, [names[0], f"{names[1]}@steps=600"]) == []
    assert rows_of(entry | {"seeds": 13}) == []
    assert rows_of(made_up(0.0, seeds=2)) == []
    entry["methods"][names[0]]["valid"][3] = None  # could not be scored
    assert [row[1] for row in rows_of(entry)] == ["test"]


def test_it_is_a_part_of_a_summary_with_its_settings_below():
    entry = made_up(0.0, settings="@steps=600")
    summary = {
        "asked": {"methods": list(entry["methods"])},
        "splits": {"chiral-scaffold": {"sets": {"esol": entry}}},
    }
    (table,) = tables_of(summary, "sensitivity", "chiral-scaffold")
    assert table.title.endswith("the objective that is pretrained with alone")
    assert table.notes[-1].startswith("With steps=600: single-attribute-masking, ")
