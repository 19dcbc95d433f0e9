import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import choose_compute
from molweight.errors import ConfigError, DataError
from molweight.pretraining import PretrainRun, pretrain_corpus

SMILES = [
    "CCO",
    "c1ccccc1O",
    "CC(=O)Nc1ccc(O)cc1",
    "CCCCCCCC",
    "C1CCCCC1N",
    "OCC(O)CO",
    "CCN(CC)CC",
    "Cc1ccncc1",
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.smi"
    path.write_text("\n".join(SMILES * 4))
    return path


@pytest.fixture
def run(corpus: Path, tmp_path: Path) -> PretrainRun:
    return PretrainRun([corpus], tmp_path / "out" / "gin.safetensors", steps=4, batch_size=8)


def test_writes_a_checkpoint_that_loads_and_a_loss_curve(run):
    summary = pretrain_corpus(run, choose_compute("cpu"))
    assert len(load_encoder(str(run.out)).gnn_layers) == 5
    assert sorted(p.name for p in run.out.parent.iterdir()) == ["gin.json", "gin.png", "gin.safetensors"]
    curve = json.loads(run.out.with_suffix(".json").read_text())
    assert curve == json.loads(json.dumps(summary))
    assert curve["molecules"] == 32
    assert all(len(values) == 1 and values[0] > 0 for values in curve["losses"].values())


def test_the_objectives_that_are_named_pretrain(run):
    wanted = ("contrastive", "descriptor_prediction")
    summary = pretrain_corpus(replace(run, objectives=wanted), choose_compute("cpu"))
    assert tuple(summary["losses"]) == wanted


def test_same_seed_same_checkpoint(run, tmp_path):
    other = PretrainRun(run.corpora, tmp_path / "other.safetensors", steps=4, batch_size=8)
    for each in (run, other):
        pretrain_corpus(each, choose_compute("cpu"))
    first, second = load_file(run.out), load_file(other.out)
    assert all(first[name].equal(second[name]) for name in first)


def test_nothing_is_overwritten_unasked(run):
    pretrain_corpus(run, choose_compute("cpu"))
    with pytest.raises(ConfigError, match="--overwrite"):
        pretrain_corpus(run, choose_compute("cpu"))


def test_nothing_to_resume(run, corpus):
    with pytest.raises(ConfigError, match="nothing to resume"):
        pretrain_corpus(PretrainRun([corpus], run.out, steps=4, resume=True), choose_compute("cpu"))


def test_bad_corpora(tmp_path):
    for name, content, expected in (
        ("a.csv", "formula\nH2O\n", "--smiles-column"),
        ("b.smi", "", "empty"),
        ("c.smi", "C1CC\n", "none of 1 rows"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=expected):
            pretrain_corpus(PretrainRun([tmp_path / name], tmp_path / "x.safetensors"), choose_compute("cpu"))
    with pytest.raises(DataError, match="no such file"):
        pretrain_corpus(PretrainRun([tmp_path / "d.smi"], tmp_path / "x.safetensors"), choose_compute("cpu"))


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(corpus, tmp_path):
    out = {name: tmp_path / name / "gin.safetensors" for name in ("straight", "killed")}

    def command(name: str, *extra: str) -> list[str]:
        options = ["--steps", "24", "--batch-size", "8", "--device", "cpu", "--out", str(out[name]), *extra]
        often = "pretraining.SNAPSHOT_EVERY = pretraining.STRETCH = 3"
        code = f"from molweight import pretraining, cli; {often}; cli.main()"
        return [sys.executable, "-c", code, "pretrain", str(corpus), *options]

    subprocess.run(command("straight"), check=True, capture_output=True)
    process = subprocess.Popen(command("killed"), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    snapshot = out["killed"].with_suffix(".snapshot.safetensors")
    while not snapshot.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not out["killed"].exists()
    subprocess.run(command("killed", "--resume"), check=True, capture_output=True)
    straight, resumed = (load_file(path) for path in out.values())
    assert all(straight[name].equal(resumed[name]) for name in straight)
    curves = [json.loads(path.with_suffix(".json").read_text())["losses"] for path in out.values()]
    assert curves[0] == curves[1]
