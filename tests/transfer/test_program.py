"""molweight transfer as a user runs it."""

import json

import numpy as np
import pandas as pd
import pytest

from molweight.transfer import run_transfer, terminal
from molweight.transfer.curves import Fit

from .conftest import family


@pytest.fixture
def table(tmp_path):
    data = family(120)  # one of them without a label
    path = tmp_path / "wide.csv"
    columns = dict(zip(data.tasks, data.labels.T, strict=True))
    pd.DataFrame({"id": np.arange(120), "smiles": data.smiles, **columns}).to_csv(path, index=False)
    with open(path, "a") as file:
        file.write("120,C1CC,1.0,1.0,1.0\n")
    return path


SIZES = ("--folds", 3, "--points", 4, "--smallest", 8, "--largest", 48, "--confirm", 0, "--jobs", 1)
SMALL = (*SIZES, "--no-reference")


def test_from_a_table_to_a_report(run, table, tmp_path):
    out = tmp_path / "out"
    code, said, err = run("transfer", table, "--out", out, *SMALL)
    assert code == 0, err
    said = " ".join(said.split())
    assert "119 molecules, 3 tasks (numbers)" in said
    assert "left out: id: a different whole number in every row" in said
    assert "6 pairs on 3 folds take about" in said
    assert "which tasks help each other (R²)" in said
    assert {path.name for path in out.iterdir()} == {"report.html", "report.json", "rejected.csv"}
    assert not (tmp_path / "out.unfinished").exists()
    report = json.loads((out / "report.json").read_text())
    assert [task["name"] for task in report["tasks"]] == ["a", "like a", "noise"]
    assert len(report["pairs"]) == 6
    gains = {(pair["helped"], pair["helper"]): pair["gain"]["mean"] for pair in report["pairs"]}
    assert gains["a", "like a"] > gains["a", "noise"]
    assert {name for group in report["grouping"]["groups"] for name in group} == {"a", "like a", "noise"}
    assert [task["name"] for task in report["grouping"]["tasks"]] == ["a", "like a", "noise"]
    assert f"groups advised in {report['grouping']['folds_alike']} of 3 folds. So few folds" in said
    fit = Fit.from_json(report["pairs"][0]["fit"])
    assert np.isfinite(fit.predict(np.array([16.0]), np.array([8.0]))).all()
    assert report["command"].startswith("molweight transfer")


def test_a_long_scan_asks_first_and_leaves_nothing(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr(run_transfer, "LONG", 0.0)
    code, _, err = run("transfer", table, "--out", tmp_path / "out", *SMALL)
    assert code == 2
    assert "give --yes to go on, or fewer tasks with --tasks" in err
    assert not list(tmp_path.glob("out*"))


def test_only_the_best_measured_tasks_are_kept(run, table, tmp_path):
    out = tmp_path / "out"
    code, _, err = run("transfer", table, "--out", out, "--tasks", 2, *SMALL)
    assert code == 0, err
    report = json.loads((out / "report.json").read_text())
    assert len(report["tasks"]) == 2
    assert report["left_out"][-1]["reason"] == "not among the 2 of the most labels"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tasks", 1), "--tasks must be 2 or more, got 1"),
        (("--folds", 1), "folds must be 2 or more"),
        (("--ignore", "b"), "no column 'b' to ignore"),
    ],
)
def test_a_wrong_option_is_one_line(run, table, tmp_path, options, message):
    code, _, err = run("transfer", table, "--out", tmp_path / "out", *options)
    assert code == 2
    assert message in " ".join(err.split())


def test_a_name_that_is_no_file_and_no_set_is_one_line(run, tmp_path):
    code, _, err = run("transfer", "kibo", "--out", tmp_path / "out")
    assert code == 2
    assert "there are kiba, davis, chembl-dti" in err


def test_how_scores_are_made_can_be_chosen(run, table, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run_transfer, "transfer", lambda files, config, *rest: asked.append(config))
    assert run("transfer", table, "--out", tmp_path / "out")[0] == 0
    options = ("--design", "full", "--learner", "gin", "--no-reference", "--folds", 10)
    assert run("transfer", table, "--out", tmp_path / "out", *options)[0] == 0
    usual, chosen = asked
    assert (usual.design, usual.learner, usual.reference) == ("efficient", "mlp", True)
    assert (chosen.design, chosen.learner, chosen.reference, chosen.folds) == ("full", "gin", False, 10)


def test_a_forest_is_told_beside_the_tasks_alone():
    tasks = [
        {"alone": [0.1, 0.4, np.nan], "reference": [0.2, 0.5, np.nan]},
        {"alone": [0.3, 0.6, 0.7], "reference": [0.4, 0.8, np.nan]},
        {"alone": [0.3, np.nan, 0.7], "reference": [0.4, 0.8, np.nan]},
    ]
    record = {"tasks": tasks, "grid": {"own": [8, 16, 64]}, "metric": "R²"}
    told = terminal.beside_forest(record)
    assert told == "alone, with 16 samples: R² 0.500, a random forest 0.650, means over 2 tasks"
    assert terminal.beside_forest({**record, "tasks": [{**tasks[0], "reference": None}]}) == ""
