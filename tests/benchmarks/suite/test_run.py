"""A suite as a user runs it: whole, interrupted, killed, resumed, and on a cluster."""

import json
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from killed import KILLED_AT_A_WRITE, program

from molweight.benchmarks.bench import BenchConfig, run_bench
from molweight.benchmarks.loading import load_data_set
from molweight.benchmarks.outcomes import Outcomes
from molweight.benchmarks.suite import local_engine
from molweight.benchmarks.suite.work import Failure
from molweight.encoders.compute import choose_compute
from molweight.molecules.splits import SPLITTERS
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.tasks.metrics import METRICS

from ..conftest import write_small_data

SUITE = ("bench", "suite", "--data-sets", "freesolv", "--methods", "rf,finetune", "--seeds", 2)
OPTIONS = (*SUITE, "--budget", "smoke", "--device", "cpu")
CELLS = [f"{method}-{seed}" for method in ("rf", "finetune") for seed in (0, 1)]
OUTCOMES = Path("freesolv") / "chiral-scaffold" / "outcomes"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_small_data(tmp_path_factory.mktemp("suite") / "data")


@pytest.fixture(scope="module")
def whole(data):
    """The folder of a suite that nothing disturbed, and what it printed."""
    out = data.parent / "whole"
    environment = os.environ | {"MOLWEIGHT_CACHE": str(data.parent / "cache")}
    options = (*OPTIONS, "--data-dir", data, "--out", out, "--jobs", 2)
    done = subprocess.run(program(*options), capture_output=True, text=True, check=True, env=environment)
    return out, done


def outcomes(folder: Path) -> dict[str, object]:
    """What a folder says of each cell, but for seconds, and its arrays to the bit."""
    found: dict[str, object] = {}
    for path in sorted((folder / OUTCOMES).iterdir()):
        found[path.name] = path.read_bytes() if path.suffix == ".npy" else json.loads(path.read_text())
        if isinstance(found[path.name], dict):
            assert found[path.name].pop("seconds") > 0
    return found


@pytest.mark.slow
def test_the_folder_has_what_reports_need(whole, data):
    out, done = whole
    assert "done: 4 of 4 cells   results: " in done.stdout
    assert "4/4 freesolv, chiral-scaffold:" in done.stderr
    asked = json.loads((out / "suite.json").read_text())
    assert asked["seeds"] == {"freesolv": 2}
    assert asked["methods"] == ["rf", "finetune"]
    assert asked["compute"].startswith("cpu ")
    setting = json.loads((out / "freesolv" / "chiral-scaffold" / "setting.json").read_text())
    loaded = load_data_set("freesolv", data)
    split = SPLITTERS["chiral-scaffold"](loaded.data.smiles, 0)
    assert setting["digests"] == [split.digest] * 2
    assert setting["sizes"] == [split.sizes] * 2
    assert setting["sha256"] == list(loaded.sha256)
    names = [f"{cell}.{kind}" for cell in CELLS for kind in ("json", "npy")]
    assert set(outcomes(out)) == {*names, "labels-0.npy", "labels-1.npy"}
    labels = np.load(out / OUTCOMES / "labels-0.npy")
    assert np.array_equal(labels, loaded.data.labels[split.test])
    for cell in CELLS:
        outcome = json.loads((out / OUTCOMES / f"{cell}.json").read_text())
        predicted = np.load(out / OUTCOMES / f"{cell}.npy")
        assert predicted.shape == labels.shape
        assert predicted.dtype == labels.dtype == np.float32
        assert METRICS["rmse"].of_task(labels[:, 0], predicted[:, 0]) == outcome["test"]["value"]
        assert outcome["machine"].endswith(asked["compute"].split()[1])


@pytest.mark.slow
def test_a_suite_comes_to_the_numbers_of_a_benchmark(whole, data, tmp_path):
    compute = choose_compute("cpu")
    split, checkpoint = "chiral-scaffold", "molweight_gin"
    config = BenchConfig(
        "rf,finetune", DEFAULT_GRAPH_OBJECTIVES, 1, split, "smoke", data, checkpoint, compute
    )
    for method, found in run_bench("freesolv", config, Outcomes(tmp_path)).outcomes.items():
        outcome = Outcomes(whole[0] / OUTCOMES).load(method, 0)
        assert outcome.valid == pytest.approx(found[0].valid, rel=1e-4)  # of other numbers of threads
        assert outcome.predictions == pytest.approx(found[0].predictions, rel=1e-2, abs=1e-2)


@pytest.mark.slow
def test_interrupted_killed_and_resumed_it_comes_to_the_same(whole, data, run_cli, tmp_path):
    out = tmp_path / "out"
    begun = program(*OPTIONS, "--data-dir", data, "--jobs", 1, "--out", out)
    running = subprocess.Popen(begun, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: list((out / OUTCOMES).glob("*-?.json")))
    os.killpg(running.pid, signal.SIGINT)  # as the terminal sends it, to the processes at work as well
    told = running.communicate()[1]
    assert "interrupted" in told.splitlines()[-1], told
    assert running.returncode == 130
    gone(running.pid)
    # of the next cell the predictions are there, and the outcome is not
    deadly = program(5, "before", "bench", "suite", "--resume", out, "--jobs", 1, code=KILLED_AT_A_WRITE)
    killed = subprocess.Popen(deadly, start_new_session=True)
    assert killed.wait() == -signal.SIGKILL
    gone(killed.pid)
    half = [path for path in (out / OUTCOMES).glob("*-?.npy") if not path.name.startswith("labels")]
    assert [path.name for path in half if not path.with_suffix(".json").exists()]
    assert run_cli("bench", "suite", "--resume", out, "--jobs", 1)[0] == 0
    assert outcomes(out) == outcomes(whole[0])


def wait_for(condition) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def gone(session: int) -> None:
    """No process of it is left."""

    def none_left() -> bool:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(none_left)


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
def test_a_cell_whose_process_dies_stops_no_other(small_data, run_cli, tmp_path, monkeypatch, at_once):
    out, started = tmp_path / "out", []

    def dying(threads, gpu):
        started.append(start(threads, gpu))
        if len(started) == 1:
            started[0].process.kill()
            started[0].process.join(10 if at_once else 0)
        return started[-1]

    start = local_engine._started
    monkeypatch.setattr(local_engine, "_started", dying)
    options = (*OPTIONS, "--seeds", 1, "--data-dir", small_data, "--jobs", 1)
    code, said, _ = run_cli(*options, "--out", out)
    assert code == 1
    assert "failed: freesolv, chiral-scaffold: rf, seed 0: its process was killed by signal 9" in said
    assert f"done: 1 of 2 cells; molweight bench suite --resume {out} does the others again" in said
    failure = json.loads((out / OUTCOMES / "rf-0.failed.json").read_text())
    assert "signal 9" in failure["error"]
    assert failure["seconds"] > 0
    assert (out / OUTCOMES / "finetune-0.json").exists()


def test_each_process_sees_a_gpu_of_its_own_while_there_are_enough(monkeypatch):
    """Three processes on two GPUs, one of which dies: its successor sees the GPU that it leaves."""
    ours = [SimpleNamespace(cell=number) for number in range(6)]
    seen: list[str] = []

    def started(threads, gpu):
        seen.append(gpu)
        line, its = multiprocessing.Pipe()
        its.send(Failure("it failed", 0.0) if len(seen) == 2 else "an outcome")
        return local_engine.Worker(SimpleNamespace(terminate=its.close, join=lambda seconds: None), line, gpu)

    monkeypatch.setattr(local_engine, "_started", started)
    found = local_engine.run_local(iter(ours), Mock(), 3, 1, ("GPU-a", "GPU-b"))
    failed = Failure("it failed", 0.0)
    assert [next(found)[1] for _ in range(4)] == ["an outcome", failed, "an outcome", "an outcome"]
    found.close()
    assert seen == ["GPU-a", "GPU-b", "GPU-a", "GPU-b"]


@pytest.mark.parametrize(
    ("named", "count", "gpus"), [(None, 2, ["0", "1"]), ("3,5", 2, ["3", "5"]), ("MIG-1", 1, ["MIG-1"])]
)
def test_gpus_that_are_named_to_the_program_are_the_ones_it_uses(monkeypatch, named, count, gpus):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert local_engine.visible_gpus(count) == gpus


@pytest.mark.slow
def test_what_is_done_is_not_done_again(whole, run_cli, monkeypatch):
    monkeypatch.setattr(local_engine, "_started", None)
    before = outcomes(whole[0])
    code, said, _ = run_cli("bench", "suite", "--resume", whole[0])
    assert code == 0
    assert "done: 4 of 4 cells" in said
    assert outcomes(whole[0]) == before


@pytest.mark.slow
def test_two_nodes_of_a_cluster_come_to_the_same_numbers(whole, data, run_cli, tmp_path):
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    cluster = two_nodes()
    try:
        out = tmp_path / "out"
        options = ("--data-dir", data, "--engine", "ray", "--address", cluster.address, "--out", out)
        code, _, error = run_cli(*OPTIONS, *options)
        assert code == 0, error
        assert not ray.is_initialized()
    finally:
        cluster.shutdown()
    assert outcomes(out) == outcomes(whole[0])


LEAN = {
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
    "include_log_monitor": False,
}


def two_nodes():
    """A cluster of two nodes of one core each; Ray gives a node 30 s to start, a busy machine more tries."""
    from ray.cluster_utils import Cluster

    for tries_left in (2, 1, 0):
        cluster = Cluster()
        try:
            for _ in range(2):
                cluster.add_node(**LEAN)
            return cluster
        except Exception as error:
            cluster.shutdown()
            if not tries_left or "timed out" not in str(error):
                raise
