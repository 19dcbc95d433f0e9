"""molweight transfer objectives as a user runs it."""

import json

import numpy as np
import pandas as pd
import pytest

from molweight.transfer import objective_designs, run_objectives

from .conftest import smiles

SMALL = ("--folds", 3, "--fold-kind", "compound", "--points", 3, "--smallest", 8, "--largest", 32)
FEW = (
    "--molecules",
    "32,all",
    "--objectives",
    "attribute_masking,edge_prediction",
    "--epochs",
    1,
    "--jobs",
    1,
)


@pytest.fixture
def run(run):
    """The same, without the breaks of lines."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code, out, err = run(*arguments)
        return code, " ".join(out.split()), " ".join(err.split())

    return call


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    texts = smiles(60)
    pd.DataFrame({"smiles": texts, "logS": [len(t) + 0.5 for t in texts], "id": np.arange(60)}).to_csv(
        path, index=False
    )
    with open(path, "a") as file:
        file.write("C1CC,1.5,60\n")
    return path


def test_from_a_table_to_a_report(run, table, tmp_path, small_checkpoint):
    out = tmp_path / "out"
    options = ("--target", "logS", "--checkpoint", small_checkpoint, "--learn-weights", 0, "--out", out)
    code, said, err = run("transfer", "objectives", table, *options, *SMALL, *FEW)
    assert code == 0, err
    assert "table.csv, logS: 60 labelled molecules, 1 rows set aside, 0 unlabelled molecules beside" in said
    assert "24 pretrainings on 32, 40 molecules and 0 runs of the solver take about" in said
    assert "More unlabelled data" in said
    assert {path.name for path in out.iterdir()} == {"report.html", "report.json", "rejected.csv"}
    assert not (tmp_path / "out.unfinished").exists()
    report = json.loads((out / "report.json").read_text())
    assert report["grid"] == {"labelled": [8, 16, 32], "unlabelled": [32, 40]}
    assert [each["name"] for each in report["objectives"]] == ["attribute_masking", "edge_prediction"]
    assert np.array(report["objectives"][0]["scores"]).shape == (2, 3, 3, 2)  # pretrainings first
    assert len(report["answer"]) == 3


def test_a_long_run_asks_first_and_leaves_nothing(run, table, tmp_path, small_checkpoint, monkeypatch):
    monkeypatch.setattr(run_objectives, "LONG", 0.0)
    options = ("--target", "logS", "--checkpoint", small_checkpoint, "--out", tmp_path / "out")
    code, _, err = run("transfer", "objectives", table, *options, *SMALL, *FEW)
    assert code == 2
    assert "give --yes to go on" in err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "logP"), "there is no column 'logP'"),
        ((), "--target: name the column"),
        (("--target", "logS", "--objectives", "mask"), "unknown objective 'mask'"),
        (("--target", "logS", "--molecules", "many"), "'many' is neither a whole number nor all"),
        (("--target", "logS", "--molecules", "9000"), "a fold has 40 molecules to pretrain on"),
        (("--target", "logS", "--checkpoint", "nowhere"), "nowhere: no such file"),
    ],
)
def test_a_wrong_option_is_one_line(run, table, tmp_path, options, message):
    code, _, err = run("transfer", "objectives", table, "--out", tmp_path / "out", *options)
    assert code == 2
    assert message in err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.slow
def test_a_named_set_with_weights(run, data_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(objective_designs, "SOLVER_STEPS", 6)
    out = tmp_path / "out"
    options = ("--folds", 3, "--pretrainings", 1, "--learn-weights", 1, "--molecules", "64", "--points", 3)
    few = ("--objectives", "attribute_masking,contrastive,edge_prediction", "--epochs", 1, "--jobs", 1)
    code, said, err = run("transfer", "objectives", "freesolv", "--out", out, *options, *few, "--yes")
    assert code == 0, err
    assert "rank correlation of the solver's mean weights (1 run) with the gains" in said
    report = json.loads((out / "report.json").read_text())
    assert report["molecules"] == 513
    assert sum(report["learned"][0]["weights"].values()) == pytest.approx(1, abs=1e-6)
    assert "The weights that the solver learns" in (out / "report.html").read_text()
