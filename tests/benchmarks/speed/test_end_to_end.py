"""A benchmark run against DGL's: that the table comes out and both do the same, never how fast."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from printed import shown

from molweight.benchmarks.speed import end_to_end as table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0, iterations=1)

needs_peers = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, table.PACKAGES)), reason="a package of the peer is not installed"
)
# betty imports parts of torch.distributed that warn of their own age, and so do dgllife's of theirs
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    return make_setting(CONFIG)


def test_by_itself(setting, monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    monkeypatch.setattr(table, "peak_of", lambda who, data, config: 1.0)
    result = table.end_to_end(setting, CONFIG)
    assert list(result["rows"]) == ["featurise", "finetune", "reweight", "whole"]
    assert list(result["peak_mib"]) == [table.OURS]
    assert "dgllife + betty is not installed and left out" in shown(table.end_to_end_table(result))


@needs_peers
def test_beside_dgl(setting, monkeypatch):
    monkeypatch.setattr(table, "peak_of", lambda who, data, config: 1.0)
    result = table.end_to_end(setting, CONFIG)
    assert list(result["peak_mib"]) == [table.OURS, table.THEIRS]
    assert result["left_out"] == []
    assert all(row["speedup"]["median"] > 0 for row in result["rows"].values())
    assert "whole" in shown(table.end_to_end_table(result))


@needs_peers
def test_objectives_in_dgl_are_those_of_this_program(setting):
    from molweight.benchmarks.speed.dgl_agreement import ORDERED, check_objectives, compare_objectives

    before = {name: value.clone() for name, value in setting.encoder.state_dict().items()}
    several = [compare_objectives(setting, setting.data, seed) for seed in range(12)]
    for found in several:
        check_objectives(found)
    assert all(torch.equal(value, before[name]) for name, value in setting.encoder.state_dict().items())
    ours, theirs = (sum(found[ORDERED][i] for found in several) / 12 for i in range(2))
    assert ours == pytest.approx(theirs, rel=0.05)
    with pytest.raises(RuntimeError, match=r"not those of this program .*'contrastive': \(1\.0, 1\.1\)"):
        check_objectives({"contrastive": (1.0, 1.1), ORDERED: (1.0, 2.0)})


@needs_peers
def test_both_fine_tune_and_learn_weights(setting):
    config = SpeedConfig(epochs=2, iterations=2)
    data = table.taken_by_both(setting.data)
    for who in (table.OURS, table.THEIRS):
        protocol = table.make_protocol(who, setting, data, config)
        assert 0 <= protocol.finetune() <= 1
        weights = protocol.reweight()
        assert sum(weights.values()) == pytest.approx(1)
        assert len(set(weights.values())) == 4  # they have moved


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory as Linux tells it")
def test_peak_of_a_process(setting):
    assert table.peak_of(table.OURS, setting.data, CONFIG) > 50
    with pytest.raises(RuntimeError, match="failed in a process of its own"):
        table.peak_of(table.OURS, replace(setting.data, smiles=[]), CONFIG)
