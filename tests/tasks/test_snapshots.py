import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save

from molweight.encoders.gin import GIN
from molweight.errors import DataError
from molweight.objectives import graph_objectives
from molweight.solver.weights import uniform_weights
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.snapshots import read_about, restore_snapshot, save_snapshot

CONFIG = PretrainConfig(steps=2, batch_size=8)
REGRESSION = pytest.mark.parametrize("data", ["regression"], indirect=True)


def state_of(compute, width=8, layers=2) -> PretrainState:
    problem = PretrainProblem(GIN(layers, width), graph_objectives(width), compute)
    return PretrainState.start(problem, CONFIG)


@pytest.fixture
def path(compute, tmp_path):
    path = tmp_path / "run.safetensors"
    save_snapshot(state_of(compute), path, {"note": "first"})
    return path


def test_a_snapshot_is_no_pickle_and_any_safetensors_reader_opens_it(path):
    assert "problem.encoder.gnn_layers.0.bn.running_var" in load_file(path)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(path.read_bytes())


@REGRESSION
def test_parameters_moments_scales_and_step_all_come_back(data, compute, tmp_path):
    state = state_of(compute)
    weights = uniform_weights(list(state.problem.objectives))
    list(pretrain(state, data.store, torch.arange(20), weights, CONFIG))
    save_snapshot(state, tmp_path / "s", {})
    back = state_of(compute)
    restore_snapshot(back, tmp_path / "s")
    moments, restored = (s.optimiser.state_dict()["state"] for s in (state, back))
    assert len(moments) == len(list(state.problem.parameters()))
    for number, values in moments.items():
        assert restored[number].keys() == values.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(restored[number][name], value) for name, value in values.items())
    assert restored.keys() == moments.keys()
    for name, value in state.problem.state_dict().items():
        assert torch.equal(back.problem.state_dict()[name], value)
    assert (back.step, back.scale.norms) == (2, state.scale.norms)


def test_a_failed_write_leaves_the_old_snapshot_and_nothing_else(path, compute):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_snapshot(state_of(compute), path, {"note": object()})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if p.is_file()] == [path.name]


def test_an_interrupted_write_leaves_the_old_snapshot_and_nothing_else(path, compute, monkeypatch):
    before = path.read_bytes()

    def killed(self, content):
        with self.open("wb") as opened:
            opened.write(content[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save_snapshot(state_of(compute), path, {"note": "second"})
    assert path.read_bytes() == before
    assert read_about(path) == {"note": "first"}
    assert [p.name for p in path.parent.iterdir() if p.is_file()] == [path.name]


def file_of(metadata: dict[str, str] | None) -> bytes:
    return save({"x": torch.zeros(1)}, metadata)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a snapshot"),
        (file_of(None), "not a snapshot"),
        (file_of({"snapshot": "no JSON"}), "not a snapshot"),
        (file_of({"snapshot": "{}"}), "not a snapshot"),
        (file_of({"snapshot": json.dumps({"format": "molweight-pretrain-0"})}), "another version"),
    ],
    ids=["empty", "other tensors", "other metadata", "no format", "old"],
)
def test_other_files_are_refused_with_their_name_and_a_remedy(path, compute, content, message):
    path.write_bytes(content)
    for read in (read_about, lambda p: restore_snapshot(state_of(compute), p)):
        with pytest.raises(DataError, match=f"run.safetensors: .*{message}.*; delete it to start anew"):
            read(path)


def test_a_snapshot_cut_short_is_refused(path):
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="not a snapshot"):
        read_about(path)


def test_a_missing_snapshot_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors"):
        read_about(tmp_path / "none.safetensors")


@pytest.mark.parametrize(("width", "layers"), [(12, 2), (8, 3)])
def test_a_snapshot_of_another_architecture_is_refused(path, compute, width, layers):
    with pytest.raises(DataError, match=r"run\.safetensors: .*another encoder"):
        restore_snapshot(state_of(compute, width, layers), path)
