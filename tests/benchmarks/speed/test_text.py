"""The table of texts on a BERT of two layers, one round: that it comes out, never how fast."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from printed import shown

from molweight.benchmarks.speed import text as table
from molweight.benchmarks.speed.iteration import loop_config
from molweight.benchmarks.speed.setting import SpeedConfig

CONFIG = SpeedConfig(texts=4, rounds=1, warmup=0)


@pytest.fixture
def setting(tmp_path: Path, tiny_text: str, monkeypatch: pytest.MonkeyPatch) -> table.TextSpeedSetting:
    folder = tmp_path / "data" / "text"
    folder.mkdir(parents=True)
    for part in ("train", "dev", "test"):
        rows = [{"text": f"the drug binds. protein {n}", "label": "ab"[n % 2]} for n in range(16)]
        (folder / f"chemprot_{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("MOLWEIGHT_DATA", str(folder.parent))
    return table.make_text_setting(CONFIG, tiny_text)


def test_without_betty(setting, monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    result = table.text_rows(setting, CONFIG)
    assert list(result["rows"]) == [table.UNIT, *table.ROWS]
    assert result["rows"][table.UNIT]["cost"] == {"median": 1, "lower": 1, "upper": 1}
    assert (result["left_out"], result["faster"]) == (["betty"], None)
    assert "betty is not installed" in shown(table.text_table(result))


# betty imports parts of torch.distributed that warn of their own age
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.skipif(importlib.util.find_spec("betty") is None, reason="betty-ml is not installed")
def test_with_betty(setting):
    result = table.text_rows(setting, CONFIG)
    assert list(result["rows"]) == [table.UNIT, *table.ROWS, "betty", table.CUSTOMARY]
    assert len(result["faster"]) == 2
    assert set(result["agreement"]["losses"]) >= {"bag_of_words", "finetune", "valid"}
    assert result["agreement"]["loss_error"] < 1e-5
    assert result["agreement"]["cosine"] > 0.99
    assert "times as long as identity" in shown(table.text_table(result))


def test_rows_differ_only_in_the_loop_they_run(setting):
    calls = table.text_calls(setting)
    plain, identity = calls["plain"](), calls[table.IDENTITY]()
    assert plain.losses == identity.losses
    assert plain.finetune_loss == identity.finetune_loss
    assert plain.valid_loss != plain.valid_loss  # NaN: it never reweights
    assert identity.valid_loss > 0
    alone = calls[table.UNIT]()
    assert list(alone.losses) == ["masked_language_modelling"]


def test_the_customary_way_is_the_same_problem(setting):
    """Dropout draws other numbers for other shapes; what has none is the same loss."""
    other = setting.customary()
    narrow, wide = (each.batches(0).pretrain for each in (setting, other))
    assert narrow.ids.shape[1] < wide.ids.shape[1] == table.longest(wide.vocabulary)
    ours, theirs = (each.start(loop_config()) for each in (setting, other))
    for name in ("finetune", "valid"):
        narrow, wide = (getattr(each.batches(0), name) for each in (setting, other))
        torch.testing.assert_close(ours.finetune(narrow), theirs.finetune(wide))
    batch = setting.batches(0).pretrain
    for state in (ours, theirs):
        state.pretrain.eval()
    together, apart = ours.pretrain(batch, 0), theirs.pretrain(batch, 0)
    assert list(together) == list(apart)
    assert together["contrastive"] == apart["contrastive"]  # no draw but dropout's
