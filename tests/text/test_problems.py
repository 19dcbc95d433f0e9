import copy
import math

import pytest
import torch

from molweight.encoders.compute import Compute
from molweight.encoders.transformer import set_dropout
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.solver import LoopConfig, LoopState
from molweight.solver.steps import finetune_step
from molweight.text.problems import (
    LabelledTexts,
    TextFinetuneProblem,
    TextPretrainProblem,
    labelled_texts,
    start_head,
    text_loss,
)
from molweight.tokens.store import collate

CPU = Compute(torch.device("cpu"), torch.float32)
NAN = float("nan")


def pretrain_problem(checkpoint, names=tuple(TEXT_OBJECTIVES)):
    torch.manual_seed(0)
    encoder = copy.deepcopy(checkpoint.encoder)
    return TextPretrainProblem(encoder, text_objectives(encoder, names), CPU).train()


def finetune_problem(checkpoint, outputs=3, kind="classification"):
    torch.manual_seed(0)
    return TextFinetuneProblem(copy.deepcopy(checkpoint.encoder), outputs, kind, CPU).train()


def test_the_losses_are_those_written_out():
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [5.0, 5.0, 5.0]])
    found = text_loss(logits, torch.tensor([2.0, 0.0, NAN]), "classification")
    first = -math.log(math.e / (math.e**2 + 1 + math.e))
    assert float(found) == pytest.approx((first + math.log(3)) / 2)
    values = torch.tensor([[1.0], [2.0], [9.0]])
    assert float(text_loss(values, torch.tensor([3.0, 2.0, NAN]), "regression")) == 2.0


@pytest.mark.parametrize(("kind", "outputs"), [("classification", 3), ("regression", 1)])
def test_missing_labels_give_no_loss_and_no_gradient(kind, outputs):
    predicted = torch.randn(2, outputs, requires_grad=True)
    loss = text_loss(predicted, torch.tensor([NAN, NAN]), kind)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(predicted.grad, torch.zeros(2, outputs))


def test_a_head_starts_at_the_shares_of_the_classes():
    head = torch.nn.Linear(4, 3)
    start_head(head, torch.tensor([0.0, 0.0, 0.0, 1.0, NAN]), "classification")
    shares = head(torch.randn(1, 4)).softmax(1)[0]
    assert torch.allclose(shares, torch.tensor([3.5, 1.5, 0.5]) / 5.5)


def test_a_head_of_values_starts_at_their_mean():
    head = torch.nn.Linear(4, 1)
    start_head(head, torch.tensor([-1.0, 1.0]), "regression")
    assert head(torch.randn(1, 4)).item() == 0


def test_one_seed_one_loss_whatever_was_drawn_before(checkpoint, store):
    problem, batch = pretrain_problem(checkpoint), collate(store, torch.arange(6))
    first = problem(batch, 7)
    torch.rand(3)
    again, other = problem(batch, 7), problem(batch, 8)
    assert list(first) == list(TEXT_OBJECTIVES)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in first)


def test_drawing_leaves_the_global_generator_as_it_was(checkpoint, store):
    problem = pretrain_problem(checkpoint)
    before = torch.get_rng_state()
    problem(collate(store, torch.arange(6)), 7)
    assert torch.equal(before, torch.get_rng_state())


def test_a_shared_view_is_one_pass_less_and_the_same_losses(checkpoint, store, monkeypatch):
    batch, sharing = collate(store, torch.arange(6)), ("masked_language_modelling", "bag_of_words")
    together = pretrain_problem(checkpoint, sharing)
    passes = []
    original = type(together.encoder).forward

    def counted(self, batch):
        passes.append(batch.texts)
        return original(self, batch)

    monkeypatch.setattr(type(together.encoder), "forward", counted)
    losses = together(batch, 3)
    assert passes == [6]
    for name in sharing:
        alone = TextPretrainProblem(
            together.encoder, torch.nn.ModuleDict({name: together.objectives[name]}), CPU
        ).train()
        assert torch.equal(alone(batch, 3)[name], losses[name])


def test_outputs_do_not_depend_on_labels_or_neighbours(checkpoint, store):
    problem = finetune_problem(checkpoint).eval()
    labels = torch.arange(24.0) % 3
    whole = problem(labelled_texts(store, labels, torch.arange(24)))
    alone = problem(LabelledTexts(collate(store, torch.tensor([4])), torch.tensor([NAN])))
    assert whole.shape == (24, 3)
    assert torch.allclose(alone[0], whole[4], atol=1e-5)


def test_bfloat16_changes_the_losses_little(checkpoint, store):
    batch = collate(store, torch.arange(6))
    exact, rounded = pretrain_problem(checkpoint), pretrain_problem(checkpoint)
    rounded.compute = Compute(torch.device("cpu"), torch.bfloat16)
    losses = exact(batch, 1), rounded(batch, 1)
    for name, loss in losses[0].items():
        assert losses[1][name].dtype == torch.float32
        assert losses[1][name].item() == pytest.approx(loss.item(), rel=0.05)


def test_the_proximal_term_pairs_by_name_in_one_norm_and_leaves_heads_alone(checkpoint, store):
    """The gradient that a step of level II gives its optimiser, against γ‖ω − θ‖² by autograd."""
    problem, copied = pretrain_problem(checkpoint), finetune_problem(checkpoint)
    set_dropout(copied.encoder, 0.0)
    with torch.no_grad():
        for p in copied.parameters():
            p.add_(0.01 * torch.randn_like(p))
    state = LoopState.start(problem, copied, LoopConfig(steps=1, finetune_lr=1e-30, head_lr=1e-30))
    batch = labelled_texts(store, torch.arange(24.0) % 3, torch.arange(8))
    finetune_step(state, batch, proximal=0.7)
    taken = {name: p.grad.clone() for name, p in copied.named_parameters()}
    copied.zero_grad()
    anchor = dict(problem.encoder.named_parameters())
    distance = sum(
        (p - anchor[name].detach()).square().sum() for name, p in copied.encoder.named_parameters()
    )
    (copied.loss(copied(batch), batch) + 0.7 * distance).backward()
    for name, p in copied.named_parameters():
        assert torch.allclose(taken[name], p.grad, rtol=1e-4, atol=1e-6), name
    bare = torch.autograd.grad(copied.loss(copied(batch), batch), list(copied.head.parameters()))
    assert all(torch.allclose(taken[f"head.{n}"], g) for n, g in zip(("weight", "bias"), bare, strict=True))
