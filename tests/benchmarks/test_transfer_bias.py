import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from molweight.benchmarks import transfer_bias
from molweight.benchmarks.transfer_bias import Scored, compare, score_design
from molweight.benchmarks.transfer_families import make_family
from molweight.transfer import engine
from molweight.transfer.designs import Grid, TransferConfig
from molweight.transfer.folds import make_folds
from molweight.transfer.network import NetworkConfig
from molweight.transfer.setting import Setting

GAINS = np.array([[np.nan, 0.2, -0.1], [0.1, np.nan, 0.0], [0.05, -0.2, np.nan]])


def scored(gains, level=0.6, seconds=10.0):
    """Four folds, three own sizes, two of the other task; folds differ by little."""
    jitter = np.array([-1e-3, 0.0, 5e-4, 5e-4])[:, None, None, None, None]
    alone = np.full((4, 3, 3), level)
    pairs = alone[:, :, None, :, None] + gains * np.array([0.5, 1.0])[:, None, None] * (1 + jitter)
    return Scored(alone, pairs, np.full((4, 3, 2, 3), level), seconds)


def test_a_design_is_no_way_from_itself():
    found = compare("same", scored(GAINS), scored(GAINS), 0.95)
    assert (found.alone, found.pair, found.context, found.gain, found.gain_rmse) == (0, 0, 0, 0, 0)
    assert found.pearson == pytest.approx(1)
    assert found.spearman == pytest.approx(1)
    assert (found.pairs, found.named, found.same_sign, found.share) == (6, 5, 5, 1.0)


def test_differences_are_those_that_were_put_in():
    found = compare("half", scored(GAINS / 2, 0.55, 1.0), scored(GAINS), 0.95)
    assert found.alone == pytest.approx(-0.05)
    assert found.context == pytest.approx(-0.05)
    assert found.gain == pytest.approx(-np.nanmean(GAINS) / 2)
    assert found.gain_rmse == pytest.approx(np.sqrt(np.nanmean(GAINS**2)) / 2)
    assert found.pearson == pytest.approx(1)
    assert found.share == pytest.approx(0.1)


def test_gains_of_the_other_sign_are_counted():
    turned = GAINS.copy()
    turned[0, 2] = 0.1
    found = compare("turned", scored(turned), scored(GAINS), 0.95)
    assert (found.named, found.same_sign) == (5, 4)
    assert found.pearson < 1


@pytest.mark.parametrize("design", ["full", "walk", "efficient"])
def test_scores_are_those_of_a_run(tmp_path, design, monkeypatch):
    from molweight.run_folder import RunFolder

    data, features = make_family("shared", 100, 0.3, 0.8, 0)
    config = TransferConfig(folds=2, network=NetworkConfig(5, 16, 8), design=design)
    setting = Setting(data, features, Grid((8, 16, 32), (8, 32), (40,)), config)
    folds = make_folds(data, "compound", 2, 0)
    found = score_design(setting, folds, design)
    alone, pairs, context, _ = engine._scan(setting, folds, RunFolder(tmp_path), 1)
    np.testing.assert_array_equal(found.alone, alone)
    np.testing.assert_array_equal(found.pairs, pairs)
    np.testing.assert_array_equal(found.context, context)
    assert found.seconds > 0


def test_the_program_compares_all_designs_and_writes_the_figures(tmp_path, monkeypatch):
    data, _ = make_family("shared", 60, 0.3, 0.8, 0)
    table = tmp_path / "made.csv"
    columns = dict(zip(data.tasks[:3], data.labels.T, strict=False))
    smiles = [f"{'C' * (1 + number % 20)}{'NOS'[number // 20]}" for number in range(60)]
    pd.DataFrame({"smiles": smiles, **columns}).to_csv(table, index=False)
    small = replace(TransferConfig(), network=NetworkConfig(3, 8, 8))
    monkeypatch.setattr(transfer_bias, "TransferConfig", lambda *a, **k: replace(small, **k, folds=a[0]))
    app = typer.Typer()
    app.command()(transfer_bias.bias)
    path = tmp_path / "bias.json"
    options = [str(table), "--folds", "2", "--smallest", "4", "--largest", "16", "--json", str(path)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert "6 pairs of 3 tasks" in result.output
    designs = {each["design"]: each for each in json.loads(path.read_text())["designs"]}
    assert designs.keys() == {"full, other seed", "walk", "efficient"}
    assert all(each["pairs"] == 6 and each["seconds"] > 0 for each in designs.values())
