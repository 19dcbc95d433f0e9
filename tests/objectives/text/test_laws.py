"""What every objective on texts must do, whatever it is."""

import copy
from dataclasses import fields

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from molweight.encoders.transformer import TextEncoder, set_dropout
from molweight.encoders.transformer_checkpoints import hugging_face
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.solver.draws import seeded
from molweight.tokens.store import TextBatch, take

TEXTS = [
    "The film was good. It is not a very bad story!",
    "a weak acid binds this protein",
    "Awful plot. No actor was great.",
    "The gene is in the cell.",
    "that movie and the book were not good",
    "It binds strong. The drug is an acid.",
    "yes. no",
    "this was the end of a great story about time",
]
PINNED = {  # loss of the tiny BERT and a fresh head at seed 0
    "masked_language_modelling": 5.19922,
    "contrastive": 1.43073,
    "sentence_order": 0.71691,
    "bag_of_words": 5.18812,
}
CPU = torch.device("cpu")


@pytest.fixture(params=TEXT_OBJECTIVES)
def name(request) -> str:
    return request.param


@pytest.fixture
def batch(batch_of) -> TextBatch:
    return batch_of(TEXTS)


@pytest.fixture
def encoder(loaded):
    return loaded.encoder.train()


@pytest.fixture
def objective(name, encoder):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return text_objectives(encoder, [name])[name]


def loss_of(encoder, objective, batch: TextBatch, seed: int = 0, dropout: int = 0) -> Tensor:
    with seeded(dropout, CPU):
        return objective(encoder, batch, torch.Generator().manual_seed(seed))


def test_finite_scalar_whose_gradient_reaches_encoder_and_head(encoder, objective, batch):
    loss = loss_of(encoder, objective, batch)
    assert loss.shape == ()
    assert loss.isfinite()
    loss.backward()
    for module in (encoder, objective):
        gradients = [p.grad for p in module.parameters()]
        assert all(g is not None and g.isfinite().all() for g in gradients)
        assert sum(float(g.abs().sum()) for g in gradients) > 0


def test_generator_and_dropout_decide_the_loss(name, encoder, objective, batch):
    assert loss_of(encoder, objective, batch, 1, 1) == loss_of(encoder, objective, batch, 1, 1)
    assert loss_of(encoder, objective, batch, 1, 1) != loss_of(encoder, objective, batch, 1, 2)
    if name != "contrastive":  # whose views differ by dropout alone
        assert loss_of(encoder, objective, batch, 1, 1) != loss_of(encoder, objective, batch, 2, 1)


def test_a_call_changes_neither_encoder_nor_batch_nor_the_global_generator(encoder, objective, batch):
    set_dropout(encoder, 0.0)
    untouched, before = copy.deepcopy(batch), copy.deepcopy([encoder.state_dict(), objective.state_dict()])
    random = torch.get_rng_state()
    objective(encoder, batch, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), random)
    for module, state in zip((encoder, objective), before, strict=True):
        assert all(torch.equal(value, state[n]) for n, value in module.state_dict().items())
        assert all(p.grad is None for p in module.parameters())
    for field in fields(batch)[:-1]:
        assert torch.equal(getattr(batch, field.name), getattr(untouched, field.name))


def test_pinned_value(name, encoder, objective, batch):
    encoder.eval()  # dropout's random numbers are torch's affair
    assert loss_of(encoder, objective, batch).item() == pytest.approx(PINNED[name], abs=5e-5)


def test_order_does_not_matter(encoder, objective, batch):
    """The random choices differ, so what must agree is the mean over many of them."""
    encoder.eval()
    backwards = take(batch, torch.arange(batch.texts).flip(0))
    with torch.no_grad():
        samples = [
            torch.stack([loss_of(encoder, objective, one, seed) for seed in range(100)]).double()
            for one in (batch, backwards)
        ]
    difference = samples[0].mean() - samples[1].mean()
    error = (samples[0].var() / 100 + samples[1].var() / 100).sqrt()
    assert difference.abs() <= 4 * error + 1e-6


@pytest.mark.parametrize(
    ("texts", "pairs"),
    [
        (["film"], None),
        (["films"], None),
        (["a", "no", "yes"], None),
        (["good film"], None),
        (TEXTS[:1], None),
        (["good", "bad film. It is awful."], None),
        (TEXTS[:3], TEXTS[3:6]),
        (["a"], ["no"]),
    ],
    ids=str,
)
def test_small_and_odd_texts(encoder, objective, batch_of, texts, pairs):
    loss = loss_of(encoder, objective, batch_of(texts, pairs))
    assert loss.isfinite()
    loss.backward()
    for module in (encoder, objective):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_overfits_eight_texts(name, encoder, objective, batch):
    encoder.eval() if name != "contrastive" else encoder.train()
    optimiser = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], 3e-3)
    losses = []
    for _ in range(100):
        loss = loss_of(encoder, objective, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_forward_mode_agrees_with_the_gradient(encoder, objective, batch):
    encoder, objective = encoder.double(), objective.double()

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.objective = encoder, objective

        def forward(self) -> Tensor:
            return loss_of(self.encoder, self.objective, batch)

    problem = Loss()
    params = {n: p.detach() for n, p in problem.named_parameters()}
    along = {n: torch.randn_like(p) for n, p in params.items()}
    derivative = jvp(lambda p: functional_call(problem, p, ()), (params,), (along,))[1]
    found = torch.autograd.grad(problem(), list(problem.parameters()), materialize_grads=True)
    expected = sum((g * along[n]).sum() for (n, _), g in zip(problem.named_parameters(), found, strict=True))
    assert derivative.item() == pytest.approx(expected.item(), rel=1e-9)


def test_losses_are_taken_in_float32_under_autocast(encoder, objective, batch):
    encoder.eval()
    exact = loss_of(encoder, objective, batch)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss_of(encoder, objective, batch)
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.05)


@pytest.mark.parametrize("kind", ["DebertaV2", "Electra", "Albert"])
def test_other_architectures_are_learned_from_alike(name, kind, batch):
    with hugging_face() as hub, torch.random.fork_rng([]):
        torch.manual_seed(0)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        relative = {"relative_attention": True, "pos_att_type": ["c2p"]}
        narrow = relative if kind == "DebertaV2" else {"embedding_size": 8}
        config = getattr(hub, f"{kind}Config")(vocab_size=200, **sizes, **narrow)
        encoder = TextEncoder(hub.AutoModel.from_config(config)).train()
    objective = text_objectives(encoder, [name])[name]
    loss_of(encoder, objective, batch).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
