"""The tables on a few made-up molecules, one round each: that they come out, never how fast."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from printed import shown

from molweight.benchmarks.speed import __main__ as program
from molweight.benchmarks.speed import iteration as table
from molweight.benchmarks.speed import kernel as kernel_module
from molweight.benchmarks.speed.agreement import check_agreement
from molweight.benchmarks.speed.hvp import DARTS_STEP, STEPS, hvp, hvp_table
from molweight.benchmarks.speed.kernel import kernel, kernel_table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.errors import ConfigError

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0)


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    return make_setting(CONFIG)


def test_iteration_without_betty(setting, monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    result = table.iteration(setting, CONFIG)
    assert list(result["rows"]) == list(table.ROWS)
    assert result["rows"]["plain"]["cost"] == {"median": 1, "lower": 1, "upper": 1}
    assert result["left_out"] == ["betty"]
    assert "betty is not installed" in shown(table.iteration_table(result))


# betty imports parts of torch.distributed that warn of their own age
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.skipif(importlib.util.find_spec("betty") is None, reason="betty-ml is not installed")
def test_iteration_with_betty(setting):
    result = table.iteration(setting, CONFIG)
    assert list(result["rows"]) == [*table.ROWS, "betty"]
    assert result["left_out"] == []
    assert set(result["agreement"]["losses"]) >= {"contrastive", "finetune", "valid"}
    assert result["agreement"]["loss_error"] < 1e-5
    assert result["agreement"]["cosine"] > 0.9
    assert "betty" in shown(table.iteration_table(result))


def test_rows_differ_only_in_the_loop_they_run(setting):
    calls = table.iteration_calls(setting)
    plain, identity = calls["plain"](), calls["identity"]()
    assert plain.losses == identity.losses
    assert plain.finetune_loss == identity.finetune_loss
    assert plain.valid_loss != plain.valid_loss  # NaN: it never reweights
    assert identity.valid_loss > 0


def test_a_disagreement_is_not_timed():
    with pytest.raises(RuntimeError, match="betty's losses are not those of this program"):
        check_agreement({"loss_error": 0.1, "losses": {"valid": (1.0, 1.1)}})
    with pytest.raises(RuntimeError):
        check_agreement({"loss_error": float("nan"), "losses": {}})


def test_products(setting):
    result = hvp(setting, CONFIG)
    assert len(result["rows"]) == 1 + len(STEPS)
    assert DARTS_STEP in STEPS
    errors = [row["error"] for row in result["rows"].values()]
    assert errors[0] == 0
    assert min(errors[1:]) < 1e-4  # one of the steps switches no unit
    assert "(DARTS)" in shown(hvp_table(result))


def test_the_command_writes_what_it_shows(setting, tmp_path, monkeypatch, capsys):
    file = tmp_path / "speed.json"
    options = ["hvp", "--batch", "4", "--rounds", "1", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["speed", *options])
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert not stopped.value.code
    content = json.loads(file.read_text())
    assert set(content) == {"config", "machine", "hvp"}
    assert content["config"]["batch"] == 4
    assert "exact" in capsys.readouterr().out


def test_mistakes_are_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["speed", "fast"])
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"error: unknown table 'fast'; there are {program.TABLE_NAMES}\n"


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"rounds": 0}, {"molecules": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match="must be at least 1, got 0"):
        SpeedConfig(**wrong)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the peers import
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_kernel(setting):
    result = kernel(setting, CONFIG)
    assert list(result["tables"]) == ["training", "masked", "dropout", "inference"]
    rows = result["tables"]["training"]
    assert {"composed", "fused", "fused, bfloat16", "bare products"} <= set(rows)
    assert set(result["errors"]) - {"fused"} | set(result["left_out"]) == {"dgllife", "pyg"}
    assert all(error < 1e-8 for error in result["errors"].values())
    assert all(0 < share <= 1 for share in result["rows"]["whole"])
    assert "rows that differ after each layer" in shown(kernel_table(result))


def test_a_peer_with_other_numbers_is_not_timed(setting, monkeypatch):
    monkeypatch.setattr(kernel_module, "_errors", lambda encoder, batch: {"pyg": 0.5})
    with pytest.raises(RuntimeError, match=r"'pyg': 0\.5"):
        kernel(setting, CONFIG)
