import json

import numpy as np
import pytest
import torch
import typer
from scipy import stats
from typer.testing import CliRunner

from molweight.benchmarks import choosing
from molweight.benchmarks.cells import Setting
from molweight.benchmarks.choosing import INNER, inner_split, run_choosing
from molweight.benchmarks.choosing_report import JUDGES, REFIT, choosing_tables, chosen_by
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import DataError
from molweight.molecules.scaffolds import scaffold_groups
from molweight.molecules.splits import random_scaffold_split
from molweight.molecules.store import store_from_smiles
from molweight.tasks.budgets import find_budget
from molweight.tasks.data import TaskData
from molweight.tasks.metrics import METRICS

SMILES = [
    f"{'C' * length}{ring}"
    for ring in ("c1ccccc1", "c1ccncc1", "C1CCCC1", "C1CCNCC1")
    for length in range(1, 11)
]
HELD = random_scaffold_split([*SMILES, "c1ccsc1C", "c1ccoc1C", "C1CCOC1C", "C1CC1C"], 0).test


def told(higher=True, valid_of=None):
    """Three methods, two draws; each inner split prefers the method that `valid_of` names for it."""
    methods, valid_of = ("rf", "gbdt", "finetune"), valid_of or {}
    better = 1.0 if higher else -1.0
    return {
        "kind": "classification" if higher else "regression",
        "metric": "roc_auc" if higher else "rmse",
        "higher_is_better": higher,
        "held": [40, 41],
        "valid": {
            inner: {m: [0.5 + 0.1 * better * (m == valid_of.get(inner, "rf"))] * 2 for m in methods}
            for inner in INNER
        },
        "test": {"rf": [0.6, 0.7], "gbdt": [0.8, 0.6], "finetune": [0.5, 0.5]},
    }


@pytest.mark.parametrize("inner", [*INNER, REFIT])
def test_nothing_held_out_is_learned_from(inner):
    smiles = [*SMILES, "c1ccsc1C", "c1ccoc1C", "C1CCOC1C", "C1CC1C"]
    split = inner_split(smiles, HELD, inner, 3)
    learned, chosen = set(split.train.tolist()), set(split.valid.tolist())
    assert not learned & chosen
    assert not (learned | chosen) & set(HELD.tolist())
    assert split.test.tolist() == HELD.tolist()


def test_all_of_the_rest_is_fitted_to_in_the_end():
    split = inner_split(SMILES, np.arange(4), REFIT, 0)
    assert sorted([*split.train, *split.valid]) == list(range(4, 40))
    assert len(split.valid) == 4


@pytest.mark.parametrize("inner", [name for name in INNER if "scaffold" in name])
def test_inner_scaffolds_are_whole(inner):
    smiles = [f"{'C' * length}C1{'C' * ring}C1" for ring in range(2, 14) for length in range(1, 5)]
    split = inner_split(smiles, np.arange(4), inner, 0)
    place = {
        i: part for part, found in (("train", split.train), ("valid", split.valid)) for i in found.tolist()
    }
    for group in scaffold_groups(smiles):
        assert len({place[i] for i in group if i in place}) < 2


def test_draws_of_one_kind_differ():
    smiles = [f"{'C' * length}C1{'C' * ring}C1" for ring in range(2, 14) for length in range(1, 5)]
    parts = [inner_split(smiles, np.arange(4), f"random-scaffold {n}", 0).valid.tolist() for n in range(3)]
    assert len({tuple(part) for part in parts}) == 3


@pytest.mark.parametrize("higher", [True, False])
def test_the_method_with_the_best_validation_score_is_chosen(higher):
    found = chosen_by(told(higher, {"scaffold": "gbdt"}), "scaffold")
    assert found.test.tolist() == [0.8, 0.6]
    assert found.lost == pytest.approx([0.0, 0.1] if higher else [0.3, 0.1])


def test_several_splits_choose_by_their_mean():
    content = told()
    for number, scores in enumerate(([0.9, 0.5], [0.5, 0.7], [0.5, 0.6])):
        content["valid"][f"random-scaffold {number}"] = {
            "rf": [scores[0]] * 2,
            "gbdt": [scores[1]] * 2,
            "finetune": [0.0] * 2,
        }
    assert chosen_by(content, "three random scaffold").test.tolist() == [0.6, 0.7]  # means 0.633 and 0.6
    content["valid"]["random-scaffold 2"]["gbdt"] = [0.8, 0.8]
    assert chosen_by(content, "three random scaffold").test.tolist() == [0.8, 0.6]  # and 0.667


def test_tables_say_what_was_chosen_and_what_it_cost():
    content = {
        "budget": "quick",
        "sets": {"bbbp": told(True, {"scaffold": "finetune"}), "esol": told(False, {"scaffold": "finetune"})},
    }
    scores, correlations, beside = choosing_tables(content)
    rows = {row[0]: row[1:] for row in scores.rows}
    assert list(rows) == [*JUDGES, "rf", "gbdt", "finetune", "the best"]
    assert rows["scaffold"] == rows["finetune"] == ("50.0 ± 0.0", "0.500 ± 0.000")
    assert rows["random"] == rows["rf"] == ("65.0 ± 7.1", "0.650 ± 0.071")
    assert rows["the best"] == ("75.0 ± 7.1", "0.500 ± 0.000")
    assert [row[0] for row in correlations.rows] == [*JUDGES]
    # rf instead of the network: better on both draws of the one, worse on both of the other
    assert {row[0]: row[1:] for row in beside.rows} == {
        "scaffold": ("–", "–", "–", "2 of 4"),
        **dict.fromkeys(("random scaffold", "three random scaffold", "random"), ("2", "2", "1", "1 of 4")),
    }


def test_correlations_are_of_scores_within_draws():
    content = told()
    generator = np.random.default_rng(0)
    test, valid = generator.normal(size=(3, 2)), generator.normal(size=(3, 2))
    content["test"] = dict(zip(content["test"], test.tolist(), strict=True))
    content["valid"]["random"] = dict(zip(content["test"], valid.tolist(), strict=True))
    expected = stats.spearmanr((valid - valid.mean(0)).ravel(), (test - test.mean(0)).ravel()).statistic
    assert chosen_by(content, "random").correlation[0] == pytest.approx(expected)
    for scores in (content["test"], content["valid"]["random"]):
        for values in scores.values():
            values[1] += 100  # a draw that is easier for all
    assert chosen_by(content, "random").correlation[0] == pytest.approx(expected)


def test_of_too_few_scores_no_correlation_is_told():
    content = told()
    for scores in (content["test"], *content["valid"].values()):
        for method in scores:
            scores[method] = scores[method][:1]
    tables = choosing_tables({"sets": {"bbbp": content}})
    assert {row[1] for row in tables[1].rows} == {"–"}
    assert tables[0].rows[0] == ("scaffold", "60.0")


def test_a_part_of_one_class_is_an_error_that_names_it(tmp_path):
    labels = np.array([[float("O" in text)] for text in SMILES], np.float32)  # there is no oxygen
    data = TaskData(SMILES, store_from_smiles(SMILES), labels, ("oxygen",), "classification")
    metric, budget = METRICS["roc_auc"], find_budget("smoke")
    setting = Setting(data, metric, budget, Compute(torch.device("cpu"), torch.float32), GIN(2, 16), ())
    with pytest.raises(DataError, match="bbbp, scaffold: a part has labels of one class alone"):
        run_choosing(setting, "bbbp", "gbdt", 1, tmp_path, {}, jobs=1)


def test_program(tmp_path, monkeypatch):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(choosing.choosing)
    asked = [
        "--data-sets",
        "freesolv",
        "--methods",
        "probe, finetune",
        "--draws",
        "1",
        "--budget",
        "smoke",
        "--out",
        str(tmp_path),
    ]
    first = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert first.exit_code == 0
    assert "the best" in first.output
    content = json.loads((tmp_path / "choosing.json").read_text())
    found = content["sets"]["freesolv"]
    assert found["valid"].keys() == INNER.keys()
    assert found["test"].keys() == {"probe", "finetune"}
    assert found["held"][0] == pytest.approx(64, abs=2)

    monkeypatch.setattr(choosing, "run_cell", None)  # what is done is not done again
    again = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert again.exit_code == 0
    assert json.loads((tmp_path / "choosing.json").read_text()) == content
