"""A benchmark that is killed and resumed comes to the numbers of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from killed import KILLED_AT_A_WRITE, RUN, program

from molweight.benchmarks.outcomes import Outcome, Outcomes
from molweight.errors import ConfigError, DataError
from molweight.solver import StepRecord
from molweight.solver.loop import iterate
from molweight.tasks.metrics import Score

from .conftest import write_small_data

pytestmark = pytest.mark.usefixtures("small_forests")

OPTIONS = ("freesolv", "--methods", "rf,tapweight", "--seeds", "2", "--budget", "smoke", "--device", "cpu")
SMALL_FORESTS = "import molweight.tasks.baselines as b; b.TREES = 20\n"  # as the fixture in this process
KILLED = SMALL_FORESTS + "import molweight.tasks.learning as r; r.SNAPSHOT_EVERY = 2\n" + KILLED_AT_A_WRITE
NOTHING = float("nan")
RECORD = StepRecord(1, {"a": 1 / 3}, {"a": 0.1}, {"a": NOTHING}, {"a": NOTHING}, 0.3, NOTHING, {}, {})
PREDICTIONS = np.array([[1 / 3, NOTHING]], np.float32)
OUTCOME = Outcome(
    Score(0.7, {"y": 0.7}, ("z",)),
    {"mae": NOTHING},
    0.1 + 0.2,
    1.5,
    {"a": 1 / 3},
    [RECORD],
    "cpu, float32",
    PREDICTIONS,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("resume")
    data, out = write_small_data(folder / "data"), folder / "whole"
    environment = os.environ | {"MOLWEIGHT_CACHE": str(folder / "cache")}
    command = program("bench", *OPTIONS, "--data-dir", data, "--out", out, code=SMALL_FORESTS + RUN)
    subprocess.run(command, capture_output=True, check=True, env=environment)
    return out


def test_an_outcome_comes_back_to_the_bit(tmp_path):
    kept = Outcomes(tmp_path / "kept")
    kept.begin({"seeds": 1}, resume=False, overwrite=False)
    assert kept.load("rf", 0) is None
    kept.save("rf", 0, OUTCOME)
    assert repr(kept.load("rf", 0)) == repr(OUTCOME)
    assert repr(kept.load("rf", 0).history) == repr(OUTCOME.history)
    assert kept.load("rf", 0).predictions.tobytes() == PREDICTIONS.tobytes()


def test_an_interrupted_run_is_neither_forgotten_nor_taken_for_another(tmp_path):
    kept = Outcomes(tmp_path / "kept")
    kept.begin({"seeds": 1, "split": "scaffold"}, resume=False, overwrite=False)
    kept.save("rf", 0, OUTCOME)
    with pytest.raises(ConfigError, match="give --resume with its folder"):
        kept.begin({"seeds": 1, "split": "scaffold"}, resume=False, overwrite=False)
    with pytest.raises(ConfigError, match="begun with another seeds, another split"):
        kept.begin({"seeds": 2, "split": "random"}, resume=True, overwrite=False)
    kept.begin({"seeds": 1, "split": "scaffold"}, resume=True, overwrite=False)
    assert kept.load("rf", 0) is not None
    kept.begin({"seeds": 2}, resume=False, overwrite=True)
    assert kept.load("rf", 0) is None


@pytest.mark.parametrize("content", ["", '{"valid": 1.0}', '{"test": {"left_out": []}}', "[1]"])
def test_a_damaged_outcome_is_named(content, tmp_path):
    kept = Outcomes(tmp_path / "kept")
    kept.begin({}, resume=False, overwrite=False)
    (kept.folder / "rf-0.json").write_text(content)
    with pytest.raises(DataError, match=r"rf-0\.json: .*delete it"):
        kept.load("rf", 0)


def test_damaged_predictions_are_named_and_never_unpickled(tmp_path):
    kept = Outcomes(tmp_path / "kept")
    kept.save("rf", 0, OUTCOME)
    for values in (b"", b"no array"):
        (kept.folder / "rf-0.npy").write_bytes(values)
        with pytest.raises(DataError, match=r"rf-0\.npy: .*delete it"):
            kept.load("rf", 0)
    np.save(kept.folder / "rf-0.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"rf-0\.npy: .*delete it"):
        kept.load("rf", 0)


def test_nothing_begun_is_nothing_to_resume(run_cli, small_data, tmp_path):
    code, _, error = run_cli("bench", *OPTIONS, "--data-dir", small_data, "--resume", tmp_path / "none")
    assert code == 2
    assert "no run of freesolv was begun there" in error
    assert not (tmp_path / "none").exists()


def test_it_goes_on_with_as_many_processes_as_it_was_begun_with(run_cli, small_data, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    options = ("bench", *OPTIONS, "--data-dir", small_data)
    with monkeypatch.context() as patched:
        patched.setattr("molweight.benchmarks.bench.run_all", interrupted)
        run_cli(*options, "--jobs", 2, "--out", out)
    code, _, error = run_cli(*options, "--resume", out)
    assert code == 2
    assert "another number of processes" in " ".join(error.split())


@pytest.mark.parametrize(
    ("writes", "moment"),
    [(4, "before")]  # killed after a write, a run has what it had before the next one, less a temporary file
    + [
        pytest.param(n, when, marks=pytest.mark.slow)
        for n, when in ((1, "before"), (2, "before"), (6, "before"), (6, "after"))
    ],
)
def test_killed_during_a_write(
    writes, moment, whole, run_cli, read_report, small_data, tmp_path, monkeypatch
):
    monkeypatch.setattr("molweight.tasks.learning.SNAPSHOT_EVERY", 2)
    out = tmp_path / "killed"
    options = ("bench", *OPTIONS, "--data-dir", small_data, "--out", out)
    killed = subprocess.run(program(writes, moment, *options, code=KILLED), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (out / "report.json").exists()
    run_cli("bench", *OPTIONS, "--data-dir", small_data, "--resume", out)
    assert read_report(out) == read_report(whole)
    assert (out / "weights.json").read_bytes() == (whole / "weights.json").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())


@pytest.mark.slow
def test_killed_at_random_moments(whole, run_cli, read_report, small_data, tmp_path):
    out, chance = tmp_path / "killed", random.Random(0)
    options = ["--out", out]
    for _ in range(4):
        running = subprocess.Popen(
            program("bench", *OPTIONS, "--data-dir", small_data, *options, code=SMALL_FORESTS + RUN),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(2, 9))
        running.kill()
        running.wait()
        options = ["--resume" if (out / "outcomes" / "run.json").exists() else "--out", out]
    if not (out / "report.json").exists():
        run_cli("bench", *OPTIONS, "--data-dir", small_data, *options)
    assert read_report(out) == read_report(whole)


def test_a_killed_loop_goes_on_from_its_snapshot(run_cli, small_data, tmp_path, monkeypatch):
    """Not from its start: the steps before the last snapshot are not taken again."""
    out, steps = tmp_path / "killed", []
    options = ("bench", *OPTIONS, "--methods", "tapweight", "--data-dir", small_data)
    killed = program(2, "after", *options, "--out", out, code=KILLED)
    subprocess.run(killed, capture_output=True, check=False)  # after the snapshot of the second step

    def counted(state, batch, config):
        steps.append(state.step)
        return iterate(state, batch, config)

    monkeypatch.setattr("molweight.solver.loop.iterate", counted)
    run_cli(*options, "--resume", out)
    assert steps == [2, 3, 4, 5, 0, 1, 2, 3, 4, 5]


def test_python_runs_the_package_as_the_command(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    found = subprocess.run(
        [sys.executable, "-m", "molweight", "--help"], capture_output=True, check=True, env=environment
    )
    assert b"pretrain" in found.stdout
