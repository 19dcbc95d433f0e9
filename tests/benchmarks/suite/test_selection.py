import numpy as np
import pytest
from scipy import stats

from molweight.benchmarks.suite.parts import tables_of
from molweight.benchmarks.suite.selection import rank_correlation, runs_of, selection_tables


def entry_of(
    valid: dict[str, list], test: dict[str, list], digests: int = 1, kind: str = "regression"
) -> dict:
    return {
        "kind": kind,
        "metric": "rmse" if kind == "regression" else "roc_auc",
        "higher_is_better": kind == "classification",
        "digests": [f"{number:012x}" for number in range(digests)],
        "methods": {
            method: {"seeds": list(range(len(valid[method]))), "valid": valid[method], "test": test[method]}
            for method in valid
        },
    }


def rows_of(entry: dict, methods: tuple[str, ...] = ("rf", "finetune", "tapweight")) -> list[tuple[str, ...]]:
    tables = selection_tables("chiral-scaffold", {"sets": {"esol": entry}}, methods)
    return [row for table in tables for row in table.rows]


VALID = {"rf": [9.0] * 3, "finetune": [1.0, 2.0, 3.0], "tapweight": [4.0, 5.0, 6.0]}
TEST = {"rf": [9.0] * 3, "finetune": [0.3, 0.1, 0.2], "tapweight": [0.6, 0.5, 0.4]}


def test_on_one_split_it_is_spearmans():
    runs = np.random.default_rng(0).normal(size=(12, 2))
    found, low, high = rank_correlation([runs])
    assert found == pytest.approx(stats.spearmanr(*runs.T).statistic)
    assert low < found < high


def test_the_interval_holds_the_correlation_of_the_population_in_95_of_100_samples():
    generator, rho = np.random.default_rng(0), 0.6
    true = 6 / np.pi * np.arcsin(rho / 2)  # of ranks, where scores are normal
    drawn = generator.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(1000, 40))
    held = [low < true < high for _, low, high in (rank_correlation([runs]) for runs in drawn)]
    assert 0.93 < np.mean(held) < 0.98  # it is known to be a little wide


def test_of_a_perfect_correlation_the_interval_is_no_point():
    runs = np.arange(12.0).reshape(6, 2)
    found, low, high = rank_correlation([runs])
    assert found == pytest.approx(1)
    assert 0.5 < low < 0.9 < high < 1
    assert rank_correlation([runs * [1, -1]]) == pytest.approx((-found, -high, -low))


def test_scores_that_are_all_the_same_have_no_correlation():
    assert np.isnan(rank_correlation([np.array([[1.0, value] for value in range(6)])])).all()
    same = {method: [2.0] * 3 for method in VALID}
    assert rows_of(entry_of(same, TEST))[0][2] == "–"


def test_what_splits_differ_by_is_taken_off():
    generator = np.random.default_rng(0)
    splits = [generator.normal(size=(9, 2)) + 100 * place for place in range(6)]
    assert abs(rank_correlation(splits)[0]) < 0.3
    assert stats.spearmanr(*np.concatenate(splits).T).statistic > 0.9


def test_forests_take_no_part_and_a_choice_is_scored():
    for kind, chosen, best in (("regression", "0.300", "0.100"), ("classification", "40.0", "60.0")):
        ((name, runs, correlation, *scores),) = rows_of(entry_of(VALID, TEST, kind=kind))
        assert (name, runs) == ("esol (RMSE)" if kind == "regression" else "esol", "6")
        assert float(correlation.split(" ")[0]) == pytest.approx(
            stats.spearmanr([1, 2, 3, 4, 5, 6], [3, 1, 2, 6, 5, 4]).statistic, abs=0.005
        )
        assert scores == [chosen, "0.350" if kind == "regression" else "35.0", best]


def test_runs_are_compared_within_their_split():
    first, second, third = runs_of(entry_of(VALID, TEST, digests=3), ["finetune", "tapweight"])
    assert second.tolist() == [[2.0, 0.1], [5.0, 0.5]]
    ((_, runs, _, chosen, mean, best),) = rows_of(entry_of(VALID, TEST, digests=3))
    assert (runs, chosen, mean, best) == ("6", "0.200", "0.350", "0.200")
    assert len(first) == len(third) == 2


def test_runs_that_could_not_be_scored_and_too_few_are_left_out():
    entry = entry_of(VALID | {"finetune": [1.0, None, 3.0]}, TEST)
    assert len(runs_of(entry, ["finetune", "tapweight"])[0]) == 5
    assert rows_of(entry) == []
    assert rows_of(entry_of(VALID, TEST), ("rf", "tapweight")) == []


def test_it_is_a_part_of_a_summary():
    summary = {
        "asked": {"methods": list(VALID)},
        "splits": {"chiral-scaffold": {"sets": {"esol": entry_of(VALID, TEST)}}},
    }
    (table,) = tables_of(summary, "selection", "chiral-scaffold")
    assert table.title == "chiral-scaffold: what validation says of the test part"
