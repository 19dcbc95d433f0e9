import json
import os
import subprocess
import sys
from pathlib import Path

import parallel
import pytest
from safetensors.torch import load_file

from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "CCCCCCCC", "C1CCCCC1N", "OCC(O)CO", "CCN(CC)CC", "C"]
LIMIT = 300  # seconds, for a deadlock to fail a test and not stop all


def torchrun(*arguments: object, count: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command += ["-m", "molweight", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.smi"
    path.write_text("\n".join(SMILES * 4))
    return path


@pytest.mark.slow
def test_pretraining_over_two_ranks_writes_one_checkpoint_and_the_same_again(corpus, tmp_path):
    def pretrain(out: Path) -> None:
        result = torchrun("pretrain", corpus, "--out", out, "--batch-size", 8, "--steps", 4)
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("32 molecules") == 1

    pretrain(tmp_path / "gin.safetensors")
    assert sorted(p.name for p in tmp_path.glob("*gin*")) == ["gin.json", "gin.png", "gin.safetensors"]
    pretrain(tmp_path / "again.safetensors")
    first, again = (load_file(tmp_path / f"{name}.safetensors") for name in ("gin", "again"))
    assert all(first[name].equal(again[name]) for name in first)


@pytest.mark.slow
def test_a_benchmark_over_two_ranks_is_one_report(tmp_path):
    out = tmp_path / "out"
    options = ("--methods", "equal,tapweight", "--budget", "smoke", "--seeds", 1, "--out", out)
    result = torchrun("bench", "freesolv", *options)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("tapweight: weights after learning") == 1
    report = json.loads((out / "report.json").read_text())
    assert report["config"]["ranks"] == 2
    assert report["methods"]["tapweight"]["weights"].keys() == set(DEFAULT_GRAPH_OBJECTIVES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bench", "freesolv", "--methods", "rf,equal"), "rf cannot run data-parallel; give --methods equal"),
        (("bench", "freesolv", "--plant"), "--plant does not run data-parallel; start it without torchrun"),
    ],
)
def test_what_ranks_would_only_repeat_is_refused_in_one_line(arguments, message, tmp_path):
    result = torchrun(*arguments, "--budget", "smoke", "--out", tmp_path / "out")
    assert result.returncode != 0
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


LEAVES = """
import os
from pathlib import Path
import torch
from molweight.launch import joined_ranks
def threads():
    return [Path(f"/proc/self/task/{task}/comm").read_text() for task in os.listdir("/proc/self/task")]
with joined_ranks(torch.device("cpu")) as ranks:
    weight = torch.nn.Parameter(torch.ones(1))
    weight.sum().backward()
    torch.optim.Adam([weight]).step()  # with which torch imports much that it did not need before
    ranks.average({"gradient": weight.grad})
    assert any("gloo" in name for name in threads())
print([name for name in threads() if "gloo" in name])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists threads as Linux tells them")
def test_no_thread_of_a_process_group_outlives_it(tmp_path):
    """One that did would abort the program where it met the end of the interpreter."""
    script = tmp_path / "leaves.py"
    script.write_text(LEAVES)
    done = parallel.torchrun(str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]
