"""The tables of objectives and of start-up: that they come out, never how fast."""

from pathlib import Path

import pytest
import torch
from printed import shown

from molweight.benchmarks.speed import startup as startup_module
from molweight.benchmarks.speed.objectives import objectives, objectives_table, run, watch
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.benchmarks.speed.startup import BENCH, UNIT, first_line, run_whole, startup, startup_table
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0)


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    return make_setting(CONFIG)


def test_objectives(setting):
    result = objectives(setting, CONFIG)
    assert list(result["rows"]) == list(DEFAULT_GRAPH_OBJECTIVES)
    assert [len(row["atoms"]) for row in result["rows"].values()] == [1, 2, 1, 1]
    assert all(row["cost"]["median"] > 0 for row in result["rows"].values())
    assert "context_prediction" in shown(objectives_table(result))


@pytest.mark.parametrize("name", DEFAULT_GRAPH_OBJECTIVES)
def test_the_passes_of_an_objective_give_its_networks_the_same_gradients(setting, name):
    encoder, batch = setting.encoder.train(), setting.batches(0).pretrain
    objective = graph_objectives(encoder.width)[name]
    passes = watch(objective, encoder, batch, seed=3)
    networks = {id(each.network): each.network for each in passes}.values()
    found = []
    for again in (lambda: run(objective, encoder, batch, 3), lambda: [each() for each in passes]):
        for network in networks:
            network.zero_grad()
        again()
        found.append([p.grad for network in networks for p in network.parameters()])
    assert len(found[0]) >= len(list(encoder.parameters()))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_startup(setting, monkeypatch):
    monkeypatch.setattr(
        startup_module, "WHOLE", {UNIT: ["-c", "pass"], "help": ["-m", "molweight", "--help"]}
    )
    result = startup(setting, CONFIG)
    assert list(result["rows"]) == [UNIT, "help", BENCH]
    assert result["rows"][UNIT]["cost"] == {"median": 1, "lower": 1, "upper": 1}
    assert "first line" in shown(startup_table(result))


def test_what_fails_or_is_silent_is_not_timed(tmp_path):
    with pytest.raises(RuntimeError, match="failed: no"):
        run_whole(["-c", "raise SystemExit('no')"])
    with pytest.raises(RuntimeError, match="said nothing"):
        first_line(["-c", "pass"], str(tmp_path))


def test_a_process_is_stopped_after_its_first_line(tmp_path):
    code = "print('first', flush=True); import time; time.sleep(600)"
    assert first_line(["-c", code], str(tmp_path)) == "first\n"
