import contextlib
import os
import pickle
import random
import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from molweight.encoders import checkpoints
from molweight.encoders.checkpoints import DEFAULT, find_checkpoint, load_encoder, save_encoder
from molweight.encoders.gin import GIN
from molweight.errors import CheckpointError
from molweight.paths import cache_folder


def test_the_default_checkpoint_is_the_published_architecture():
    encoder = load_encoder()
    assert len(encoder.gnn_layers) == 5
    assert encoder.width == 300
    assert find_checkpoint(DEFAULT).stat().st_size < 5_000_000


def test_round_trip_keeps_what_float16_can_hold(tmp_path):
    encoder = GIN(3, 8)
    encoder.gnn_layers[0].bn.running_mean += 0.3
    save_encoder(encoder, tmp_path / "e.safetensors", {"about": "test"})
    loaded = load_encoder(str(tmp_path / "e.safetensors"))
    assert (len(loaded.gnn_layers), loaded.width) == (3, 8)
    for name, value in encoder.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name].float(), value.float(), rtol=1e-3, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["e.safetensors"]


def test_metadata_and_float16_are_in_the_file(tmp_path):
    save_encoder(GIN(1, 8), tmp_path / "e.safetensors", {"about": "test"})
    with safe_open(tmp_path / "e.safetensors", "pt") as opened:
        assert opened.metadata() == {"about": "test"}
        dtypes = {opened.get_tensor(name).dtype for name in opened.keys()}  # noqa: SIM118 (not a dict)
    assert dtypes == {torch.float16}


def test_a_second_round_trip_loses_nothing(tmp_path):
    path = tmp_path / "e.safetensors"
    save_encoder(GIN(2, 8), path, {})
    once = load_encoder(str(path)).state_dict()
    save_encoder(load_encoder(str(path)), path, {})
    assert all(torch.equal(value, once[name]) for name, value in load_encoder(str(path)).state_dict().items())


def test_representations_survive_the_round_trip(tmp_path, batch):
    encoder = GIN(3, 16)
    encoder(batch)  # moves the running statistics
    save_encoder(encoder, tmp_path / "e.safetensors", {})
    loaded = load_encoder(str(tmp_path / "e.safetensors")).eval()
    expected = encoder.eval()(batch)
    assert (loaded(batch) - expected).norm() < 5e-3 * expected.norm()


def test_a_failed_save_keeps_the_file_before(tmp_path):
    path = tmp_path / "e.safetensors"
    save_encoder(GIN(1, 8), path, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_encoder(GIN(1, 8), path, {"steps": 3})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"model_state_dict": s}], ids=["bare", "wrapped"])
def test_pth_files(tmp_path, wrap):
    encoder = GIN(2, 8)
    torch.save(wrap(encoder.state_dict()), tmp_path / "e.pth")
    loaded = load_encoder(str(tmp_path / "e.pth"))
    assert all(torch.equal(v, encoder.state_dict()[n]) for n, v in loaded.state_dict().items())


def test_state_dicts_of_whole_predictors_give_their_encoder(tmp_path):
    encoder = GIN(2, 8)
    state = {f"gnn.{name}": value for name, value in encoder.state_dict().items()}
    torch.save(state | {"predict.weight": torch.ones(1, 8)}, tmp_path / "e.pth")
    loaded = load_encoder(str(tmp_path / "e.pth"))
    assert torch.equal(loaded.node_embeddings[0].weight, encoder.node_embeddings[0].weight)


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_unpickled(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Malicious(tmp_path / "owned")))
    torch.save({"node_embeddings.0.weight": Malicious(tmp_path / "owned")}, tmp_path / "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        with pytest.raises(CheckpointError, match="code from a checkpoint is never run"):
            load_encoder(str(tmp_path / name))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.safetensors", b"", "not a readable state dict"),
        ("e.safetensors", b"garbage garbage", "not a readable state dict"),
        ("e.pth", b"", "not a readable state dict"),
        ("e.pth", b"\x80\x02a", "not a readable state dict"),
        ("e.pth", b"\x80\x02X\x02\x00\x00\x00\xff\xff.", "not a readable state dict"),
    ],
    ids=["no header", "no safetensors", "nothing", "no opcode's operand", "no UTF-8"],
)
def test_broken_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_encoder(str(tmp_path / name))
    assert name in str(caught.value)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_fails_with_a_checkpoint_error_if_at_all(tmp_path, seed):
    path, draw = tmp_path / "e.pth", random.Random(seed)
    torch.save(GIN(1, 8).state_dict(), path)
    content = bytearray(path.read_bytes())
    for _ in range(20):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)
    with contextlib.suppress(CheckpointError):
        load_encoder(str(path))


@pytest.mark.parametrize(
    "content",
    [
        torch.ones(2),
        [torch.ones(2)],
        {0: torch.ones(2)},
        {"model_state_dict": None},
        {"node_embeddings.0.weight": 3},
        {"node_embeddings.0.weight": torch.ones(120)},
        {"state": {}, "param_groups": []},
    ],
    ids=["tensor", "list", "numbered", "nothing", "number", "vector", "optimiser"],
)
def test_pth_files_of_something_else_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "e.pth")
    with pytest.raises(CheckpointError, match=r"e\.pth: not a (readable )?state dict"):
        load_encoder(str(tmp_path / "e.pth"))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("node_embeddings.0.weight", (119, 8)),
        ("gnn_layers.1.edge_embeddings.0.weight", (5, 8)),
        ("gnn_layers.0.mlp.0.weight", (8, 8)),
    ],
)
def test_a_gin_of_another_shape_is_refused_with_the_parameter_that_differs(tmp_path, name, shape):
    save_file(GIN(2, 8).state_dict() | {name: torch.ones(shape)}, tmp_path / "e.safetensors")
    with pytest.raises(CheckpointError, match=re.escape(f"{name} has shape {shape}")):
        load_encoder(str(tmp_path / "e.safetensors"))


def test_state_dicts_of_other_networks_are_refused(tmp_path):
    save_file({"layer.weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a state dict of this GIN"):
        load_encoder(str(tmp_path / "other.safetensors"))
    state = GIN(2, 8).state_dict()
    state.pop("gnn_layers.1.mlp.0.weight")
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(CheckpointError, match=r"1 parameters missing.*gnn_layers\.1\.mlp\.0\.weight"):
        load_encoder(str(tmp_path / "part.safetensors"))


def test_a_graph_convolution_checkpoint_is_refused(data_folder):
    with pytest.raises(CheckpointError, match="not a state dict of this GIN"):
        load_encoder(str(data_folder / "weights" / "chem_gcn_contextpred.safetensors"))


def test_a_local_copy_of_a_named_model_is_found_first(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_fetch", None)  # calling it would fail
    name = "gin_supervised_masking"
    encoder = GIN(2, 8)
    for folder in (tmp_path / "data" / "weights", cache_folder() / "weights"):
        folder.mkdir(parents=True)
        path = folder / f"{name}_pre_trained.pth"
        torch.save(encoder.state_dict(), path)
        assert find_checkpoint(name, (tmp_path / "data",)) == path
        path.unlink()


def test_a_named_model_with_a_local_copy_is_loaded_without_dgllife(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dgllife.model", None)  # importing it would fail
    name, encoder = "gin_supervised_contextpred", GIN(2, 8)
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    torch.save({"model_state_dict": encoder.state_dict()}, folder / f"{name}_pre_trained.pth")
    loaded = load_encoder(name, (tmp_path / "data",)).state_dict()
    assert all(torch.equal(value, loaded[n]) for n, value in encoder.state_dict().items())


def test_data_folders_come_before_the_cache(tmp_path):
    name = "gin_supervised_infomax"
    first, second = tmp_path / "data" / "weights", cache_folder() / "weights"
    for folder, width in ((first, 8), (second, 16)):
        folder.mkdir(parents=True)
        save_encoder(GIN(1, width), folder / f"{name}.safetensors", {})
    assert load_encoder(name, (tmp_path / "data",)).width == 8
    assert load_encoder(name).width == 16


def test_a_machine_without_dgllife_says_where_to_put_a_copy(monkeypatch):
    monkeypatch.setitem(sys.modules, "dgllife.model", None)
    with pytest.raises(CheckpointError, match=r"put gin_supervised_masking_pre_trained\.pth into") as caught:
        load_encoder("gin_supervised_masking")
    assert str(caught.value).endswith(str(cache_folder() / "weights"))


def test_dgllife_fetches_a_named_model_into_the_cache(monkeypatch):
    model = pytest.importorskip("dgllife.model")
    name, state = "gin_supervised_edgepred", GIN(2, 8).state_dict()
    monkeypatch.setattr(
        model,
        "load_pretrained",
        lambda n, log: torch.save({"model_state_dict": state}, f"{n}_pre_trained.pth"),
    )
    loaded = load_encoder(name)
    assert torch.equal(loaded.node_embeddings[0].weight, state["node_embeddings.0.weight"])
    assert [p.name for p in (cache_folder() / "weights").iterdir()] == [f"{name}_pre_trained.pth"]


def test_no_copy_and_no_network_says_where_to_put_one(monkeypatch):
    model = pytest.importorskip("dgllife.model")

    def offline(name, log):
        raise OSError("no route to host")

    monkeypatch.setattr(model, "load_pretrained", offline)
    folder = cache_folder() / "weights"
    with pytest.raises(CheckpointError, match=r"no route to host.*put gin_supervised_infomax_pre") as caught:
        load_encoder("gin_supervised_infomax")
    assert str(caught.value).endswith(f"into {folder}")
    assert list(folder.iterdir()) == []


def test_unknown_names_list_the_known():
    with pytest.raises(CheckpointError, match=r"nothing: no such file.*gin_supervised_contextpred"):
        load_encoder("nothing")
