import copy

import pytest
import torch
from tiny_bert import SIZES
from torch import nn
from torch.func import functional_call, jvp
from torch.nn.attention import SDPBackend

from molweight.encoders import transformer
from molweight.encoders.transformer import TextEncoder, mean_pool, set_dropout
from molweight.encoders.transformer_checkpoints import hugging_face, load_text_encoder
from molweight.objectives.text.masked_language_modelling import MaskedLanguageModelling
from molweight.solver.curvature import Composed, axpy, gauss_newton, hessian_vector_product, scaled
from molweight.solver.draws import seeded
from molweight.tokens.store import TextBatch, collate, take

TEXTS = ["The film was good. It is not very bad!", "a weak acid", "This protein binds a drug.", "no"]
CPU = torch.device("cpu")


@pytest.fixture
def loaded(tiny_text):
    return load_text_encoder(tiny_text)


@pytest.fixture
def batch(loaded) -> TextBatch:
    return collate(loaded.tokeniser.tokenise(TEXTS, None, 64), torch.arange(len(TEXTS)))


@pytest.fixture
def pairs(loaded) -> TextBatch:
    return collate(loaded.tokeniser.tokenise(TEXTS, TEXTS[::-1], 64), torch.arange(len(TEXTS)))


def of_kind(kind: str) -> TextEncoder:
    """A small model with random weights of another architecture, for the tiny BERT's tokens."""
    known = {"vocab_size": 182, "max_position_embeddings": 66, **SIZES}
    with hugging_face() as hub:
        config = {
            "bert": lambda: hub.BertConfig(**known),
            "roberta": lambda: hub.RobertaConfig(**known, type_vocab_size=1, pad_token_id=0),
            "deberta-v2": lambda: hub.DebertaV2Config(
                **known,
                relative_attention=True,
                pos_att_type=["p2c", "c2p"],
                position_biased_input=False,
                share_att_key=True,
                norm_rel_ebd="layer_norm",
                position_buckets=8,
            ),
            "distilbert": lambda: hub.DistilBertConfig(
                vocab_size=182, max_position_embeddings=66, dim=32, n_layers=2, n_heads=2, hidden_dim=64
            ),
            "modernbert": lambda: hub.ModernBertConfig(
                **known, pad_token_id=0, cls_token_id=2, sep_token_id=3, global_attn_every_n_layers=2
            ),
        }[kind]()
        return TextEncoder(hub.AutoModel.from_config(config)).eval()


@pytest.fixture(params=["bert", "roberta", "deberta-v2", "distilbert", "modernbert"])
def kind(request) -> str:
    return request.param


def test_representations_are_those_of_the_model(loaded, pairs):
    model = loaded.encoder.model
    expected = model(
        input_ids=pairs.ids, attention_mask=pairs.real.long(), token_type_ids=pairs.segments
    ).last_hidden_state
    assert torch.equal(loaded.encoder(pairs), expected)
    assert expected.shape == (*pairs.ids.shape, loaded.encoder.width)
    assert loaded.encoder.embeddings.shape == (loaded.encoder.vocabulary_size, loaded.encoder.width)


def test_segments_of_a_pair_are_told_apart(loaded, pairs):
    told = loaded.encoder(pairs)
    pairs.segments.zero_()
    assert not torch.allclose(loaded.encoder(pairs), told, atol=1e-3)


def test_padding_changes_no_representation(kind, batch):
    encoder = of_kind(kind)
    together = encoder(batch)
    pooled = mean_pool(together, batch)
    for row in range(batch.texts):
        alone = take(batch, torch.tensor([row]))
        length = int(alone.real.sum())
        alone = TextBatch(
            *(getattr(alone, name)[:, :length] for name in ("ids", "real", "segments", "words")),
            alone.middles,
            alone.vocabulary,
        )
        assert torch.allclose(encoder(alone)[0], together[row, :length], atol=2e-6)
        assert torch.allclose(mean_pool(encoder(alone), alone)[0], pooled[row], atol=2e-6)


def test_mean_pool_is_the_mean_over_real_tokens(batch):
    hidden = torch.randn(*batch.ids.shape, 3, dtype=torch.float64)
    hidden[~batch.real] = torch.nan
    for row, real in enumerate(batch.real):
        assert torch.allclose(mean_pool(hidden, batch)[row], hidden[row, real].mean(dim=0))
    assert mean_pool(hidden.bfloat16(), batch).dtype == torch.float32


def test_neither_pooler_nor_its_parameters_are_kept(kind):
    assert not [name for name, _ in of_kind(kind).named_parameters() if "pooler" in name]


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_dropout_is_set_everywhere(kind, batch, rate):
    encoder = of_kind(kind).train()
    set_dropout(encoder, 0.5)
    set_dropout(encoder, rate)
    assert {module.p for module in encoder.modules() if isinstance(module, nn.Dropout)} <= {rate}
    with torch.no_grad(), seeded(0, CPU):
        assert torch.equal(encoder(batch), encoder(batch)) == (rate == 0)


def test_attention_drops_too(kind, batch):
    """With all modules' dropout off but attention's, which some models keep as a number."""
    encoder = of_kind(kind).train()
    set_dropout(encoder, 0.3)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Dropout) and "attention" not in name and "attn" not in name:
            module.p = 0.0
    with torch.no_grad(), seeded(0, CPU):
        assert not torch.equal(encoder(batch), encoder(batch))


def test_the_gradient_is_that_of_eager_attention(loaded, batch):
    fused, eager = loaded.encoder, copy.deepcopy(loaded.encoder)
    eager.model.set_attn_implementation("eager")
    assert (fused.model.config._attn_implementation, eager.model.config._attn_implementation) == (
        "sdpa",
        "eager",
    )
    direction = torch.randn(batch.texts, fused.width)
    for encoder in (fused, eager):
        (mean_pool(encoder(batch), batch) * direction).sum().backward()
    for (name, p), q in zip(fused.named_parameters(), eager.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, atol=1e-5), name


def test_plain_products_are_used_only_where_derivatives_ask_for_them(loaded, batch):
    seen = []

    def recorded(p):
        seen.append(transformer._kernels())
        return (p["x"] ** 2).sum()

    point = {"x": torch.ones(2)}
    recorded(point)
    assert SDPBackend.FLASH_ATTENTION in seen.pop()
    jvp(recorded, (point,), (point,))
    torch.func.grad(recorded)(point)
    gauss_newton(Composed(lambda p: (recorded(p), p["x"])[1], torch.sum), point)(point)
    assert seen[:2] == [[SDPBackend.MATH]] * 2
    assert [SDPBackend.MATH] in seen[2:]  # plain forward mode


class Problem(nn.Module):
    """An encoder and masked language modelling, as one module of the solver's kind."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, MaskedLanguageModelling(encoder)

    def forward(self, batch: TextBatch) -> torch.Tensor:
        with seeded(5, CPU):
            return self.objective(self.encoder, batch, torch.Generator().manual_seed(3))


@pytest.fixture(params=["evaluation", "dropout"])
def mode(request) -> str:
    return request.param


@pytest.mark.parametrize("model", ["bert", "roberta", "deberta-v2", "modernbert"])
def test_second_derivatives_agree_with_finite_differences(model, mode, batch):
    torch.manual_seed(0)
    problem = Problem(of_kind(model)).double().train(mode == "dropout")
    params = {name: p.detach() for name, p in problem.named_parameters()}
    along = {name: torch.randn_like(p) for name, p in params.items()}

    def loss(p):
        return functional_call(problem, p, (batch,))

    def gradient(p):
        leaves = {name: value.clone().requires_grad_() for name, value in p.items()}
        found = torch.autograd.grad(loss(leaves), list(leaves.values()), materialize_grads=True)
        return dict(zip(p, found, strict=True))

    step = 1e-5
    ahead, behind = axpy(step, along, params), axpy(-step, along, params)
    derivative = jvp(loss, (params,), (along,))[1]
    with torch.no_grad():
        assert derivative.item() == pytest.approx(float(loss(ahead) - loss(behind)) / (2 * step), rel=1e-5)
    expected = scaled(1 / (2 * step), axpy(-1.0, gradient(behind), gradient(ahead)))
    product = hessian_vector_product(loss, params, along)
    for name, value in expected.items():
        assert torch.allclose(product[name], value, rtol=1e-4, atol=1e-5), name


def test_gauss_newton_products_run_through_the_encoder(loaded, batch, mode):
    encoder = loaded.encoder.double().train(mode == "dropout")
    params = {name: p.detach() for name, p in encoder.named_parameters()}
    along = {name: torch.randn_like(p) for name, p in params.items()}

    def outputs(p):
        with seeded(0, CPU):
            return mean_pool(functional_call(encoder, p, (batch,)), batch)

    product = gauss_newton(Composed(outputs, lambda y: (y**2).sum()), params)(along)
    step = 1e-5
    with torch.no_grad():
        moved = (outputs(axpy(step, along, params)) - outputs(axpy(-step, along, params))) / (2 * step)
    curvature = sum((product[name] * along[name]).sum() for name in params)
    assert curvature.item() == pytest.approx(2 * float((moved**2).sum()), rel=1e-5)


def test_a_copy_is_one_of_its_own(loaded, batch):
    other = copy.deepcopy(loaded.encoder)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert loaded.encoder(batch).abs().sum() > 0
