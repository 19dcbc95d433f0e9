import pytest
import torch

from molweight.encoders.token_head import token_head
from molweight.encoders.transformer_checkpoints import hugging_face, load_text_encoder
from molweight.objectives import text_objectives
from molweight.tokens.store import collate

SIZES = {"vocab_size": 182, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
SIZES |= {"intermediate_size": 64, "max_position_embeddings": 64}
NARROW = {"embedding_size": 16}
DISTIL = {"vocab_size": 182, "dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
CONFIGS = {
    "Bert": SIZES,
    "Roberta": SIZES | {"pad_token_id": 0},
    "DebertaV2": SIZES,
    "Electra": SIZES | NARROW,
    "Albert": SIZES | NARROW,
    "DistilBert": DISTIL,
}


def model_of(kind, **changes):
    with hugging_face() as hub, torch.random.fork_rng([]):
        torch.manual_seed(0)
        config = getattr(hub, f"{kind}Config")(**CONFIGS[kind] | changes)
        whole = hub.AutoModelForMaskedLM.from_config(config)
        for p in whole.parameters():  # fresh biases are zero, and would agree whatever they are
            p.data += 0.1 * torch.randn_like(p)
    return whole.eval()


@pytest.fixture
def folder(tiny_text, tmp_path):
    """A tokeniser to write a model beside."""
    with hugging_face() as hub:
        hub.AutoTokenizer.from_pretrained(tiny_text, local_files_only=True).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", CONFIGS)
def test_masked_language_modelling_goes_on_where_the_checkpoint_stopped(kind, folder):
    whole = model_of(kind)
    whole.save_pretrained(folder)
    loaded = load_text_encoder(str(folder))
    assert loaded.about["masking head"] == "of the checkpoint"
    objective = text_objectives(loaded.encoder, ["masked_language_modelling"])["masked_language_modelling"]
    batch = collate(loaded.tokeniser.tokenise(["the film was good"], None, 32), torch.tensor([0]))
    with torch.no_grad(), hugging_face():
        expected = whole(batch.ids, attention_mask=batch.real).logits
        found = objective.head(loaded.encoder(batch), loaded.encoder.embeddings)
    torch.testing.assert_close(found[batch.real], expected[batch.real], atol=2e-3, rtol=2e-3)  # GELU by tanh


def test_a_checkpoint_without_a_head_has_none(tiny_text):
    assert load_text_encoder(tiny_text).encoder.token_head is None


def test_a_head_that_is_not_complete_is_none():
    whole = model_of("Bert")
    assert token_head(whole, []) is not None
    assert token_head(whole, ["cls.predictions.bias"]) is None


def test_a_head_of_another_shape_is_none():
    assert token_head(model_of("Bert", tie_word_embeddings=False), []) is None
    assert token_head(model_of("Bert", hidden_act="relu"), []) is None


def test_tokens_that_were_added_have_no_bias(folder):
    whole = model_of("Bert", vocab_size=180)
    whole.save_pretrained(folder)
    loaded = load_text_encoder(str(folder))
    objective = text_objectives(loaded.encoder, ["masked_language_modelling"])["masked_language_modelling"]
    torch.testing.assert_close(objective.head.bias[:180], whole.cls.predictions.bias)
    assert objective.head.bias[180:].tolist() == [0, 0]
