import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from molweight.encoders import checkpoints
from molweight.encoders.checkpoints import DEFAULT, find_checkpoint, load_encoder, save_encoder
from molweight.encoders.compute import choose_compute
from molweight.encoders.gin import GIN
from molweight.errors import CheckpointError, ConfigError
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


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"model_state_dict": s}])
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
    ],
)
def test_broken_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_encoder(str(tmp_path / name))
    assert name in str(caught.value)


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
    with pytest.raises(CheckpointError, match=r"no route to host.*put gin_supervised_infomax_pre"):
        load_encoder("gin_supervised_infomax")


def test_unknown_names_list_the_known():
    with pytest.raises(CheckpointError, match=r"nothing: no such file.*gin_supervised_contextpred"):
        load_encoder("nothing")


def test_compute_is_chosen_by_what_there_is():
    assert choose_compute("cpu", "float32").dtype == torch.float32
    assert choose_compute("cpu", "bfloat16").dtype == torch.bfloat16
    if not torch.cuda.is_available():
        assert choose_compute("auto").device.type == "cpu"
        with pytest.raises(ConfigError, match="--device cpu"):
            choose_compute("cuda")


def test_autocast_is_what_it_says():
    x = torch.ones(2, 2)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with choose_compute("cpu", precision).autocast():
            assert (x @ x).dtype == dtype
