"""The examples run on a small table."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def options(small_checkpoint):
    return {"methods": "finetune", "budget": "smoke", "checkpoint": small_checkpoint, "device": "cpu"}


@pytest.fixture
def measured(molecules, hetero, tmp_path):
    path = tmp_path / "measured.csv"
    pd.DataFrame({"smiles": molecules, "logS": hetero * 3 + 10}).to_csv(path, index=False)
    return str(path)


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_property_model(measured, options, tmp_path, capsys):
    new = tmp_path / "new.csv"
    new.write_text("smiles\nCCCCO\nc1ccncc1\n")
    load("property_model").main(measured, str(new), **options)
    first, header, *rows = capsys.readouterr().out.splitlines()
    assert first == "finetune, weights None"
    assert header.split() == ["smiles", "predicted", "lower", "upper"]
    assert [row.split()[0] for row in rows] == ["CCCCO", "c1ccncc1"]
    for row in rows:
        predicted, lower, upper = map(float, row.split()[1:])
        assert lower < predicted < upper


def test_deepchem_model(measured, options, capsys):
    pytest.importorskip("deepchem")
    scores = load("deepchem_model").main(measured, **options)
    assert np.isfinite(scores["rms_score"])
    assert str(scores) in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_run_here(path):
    assert f"test_{path.stem}" in globals()
