"""The table and the picture of growth: that they come out, never how fast."""

import json
import sys
from pathlib import Path

import pytest
import torch
from printed import shown

from molweight.benchmarks.speed import __main__ as program
from molweight.benchmarks.speed import growth as table
from molweight.benchmarks.speed.growing_steps import finetune_steps, pretrain_steps
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0, molecules=1_000)


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    return make_setting(CONFIG)


def test_growth(setting, tmp_path):
    result = table.growth(setting, CONFIG)
    assert list(result["batch"]) == ["finetune step", "pretrain step"]
    assert list(result["molecules"]) == ["featurise and build", "epoch"]
    assert list(result["batch"]["pretrain step"]["rows"]) == [32, 64]  # of 80 molecules
    assert list(result["molecules"]["epoch"]["rows"]) == [1_000]
    for curves in result.values():
        for found in curves.values():
            assert min(row["cost"]["median"] for row in found["rows"].values()) == 1
            assert set(found["linear"]) <= set(found["rows"])
    assert "in three rounds of four: finetune step" in shown(table.growth_table(result))
    table.growth_picture(result, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("cost", "found"),
    [
        ({1: 1.0}, (1, 1)),
        ({1: 2.0, 2: 1.0, 4: 1.1, 8: 1.11}, (2, 4)),
        ({1: 1.05, 2: 1.3, 4: 1.0}, (4, 4)),  # what lies beyond a dearer one is not part of it
    ],
)
def test_a_range_is_linear_as_long_as_a_molecule_costs_the_same(cost, found):
    assert table.linear_range(cost) == found


@pytest.mark.parametrize("make", [finetune_steps, pretrain_steps])
def test_steps_train_a_network_of_their_own(setting, make, monkeypatch):
    before = {name: value.clone() for name, value in setting.encoder.state_dict().items()}
    seen = []
    monkeypatch.setattr(torch.optim.Adam, "step", seen.append)
    step = make(setting, setting.data.store)
    step(8)
    step(4)
    assert len(seen) == 2
    assert all(torch.equal(value, before[name]) for name, value in setting.encoder.state_dict().items())


def test_the_picture_lies_beside_the_figures(setting, tmp_path, monkeypatch):
    result = {
        axis: {what: table.summary({1: [1.0], 2: [2.0]})}
        for axis, what in (("batch", "a"), ("molecules", "b"))
    }
    entry = (lambda setting, config: result, table.growth_table)
    monkeypatch.setitem(program.TABLES, "growth", entry)
    options = ["speed", "growth", "--json", str(tmp_path / "speed.json")]
    monkeypatch.setattr(sys, "argv", options)
    with pytest.raises(SystemExit):
        program.main()
    assert json.loads((tmp_path / "speed.json").read_text())["growth"]["batch"]["a"]["linear"] == [1, 1]
    assert (tmp_path / "speed.png").exists()
