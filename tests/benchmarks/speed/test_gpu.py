"""The table of a GPU: its program on a CPU, on a few molecules, and its refusal without one."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from molweight.benchmarks.speed import gpu as table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import ConfigError

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0)


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    monkeypatch.setattr(table, "STEPS", 2)
    torch.manual_seed(0)
    return replace(make_setting(CONFIG), encoder=GIN(2, 16))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the peer imports
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("replays", [False, True])
def test_every_task_at_every_size(setting, monkeypatch, replays):
    """With programs of fixed shape, which a GPU would record, and without; batches larger than the data."""
    monkeypatch.setattr(Compute, "replays", replays)
    result = table.measure(setting, CONFIG, batches=(3, 50), peak=64)
    names = {"eager", "graphed"} | ({"pyg"} if not result["left_out"] else set())
    found = [(row["task"], row["batch"], row["implementation"]) for row in result["rows"]]
    assert len(found) == len(set(found)) == 2 * (3 * len(names) - ("pyg" in names))
    for row in result["rows"]:
        assert row["molecules_per_second"] > 0
        assert row["share"] > 0
    console = Console(width=120, record=True, file=StringIO())
    console.print(table.gpu_table(result))
    shown = " ".join(console.export_text().split())
    assert "training on cpu" in shown
    assert "graphed" in shown


def test_flops_of_a_pass_are_counted_by_torch():
    torch.manual_seed(0)
    encoder = GIN(3, 8)
    x = torch.randn(5, 8, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        for layer in encoder.gnn_layers:
            layer.mlp(x).sum().backward()
    assert table.training_flops(encoder, 5) == counter.get_total_flops()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_is_refused(setting):
    with pytest.raises(ConfigError, match="needs a CUDA device"):
        table.gpu(setting, CONFIG)
