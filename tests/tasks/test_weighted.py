import math

import numpy as np
import pytest
import torch

from molweight.solver.curvature import frozen_statistics
from molweight.tasks.continued import at_weights, start_pretraining, unlabelled
from molweight.tasks.gradients import encoder_rows, parameters
from molweight.tasks.labelled import labelled_steps, task_problem
from molweight.tasks.weighted import head_on_encoder, pretrain_by_rule, weighted
from molweight.tasks.weightings import Seen, Weighed


def run(job, rule, task=None):
    state = start_pretraining(job, job.objectives)
    store, molecules = unlabelled(job, job.objectives)
    config = job.budget.continued_pretraining(job.seed)
    shares = list(pretrain_by_rule(state, store, molecules, config, rule, task and task(state)))
    return state.problem, shares


def given(*weights: float):
    """A rule that weighs objectives of unit gradient always alike."""
    return lambda learned, seen: Weighed(torch.tensor(weights).double() / seen.scale)


def encoder_of(encoder):
    """Its parameters with a gradient to speak of, which a bias before a batch normalisation has not."""
    return torch.cat([p.flatten() for n, p in encoder.named_parameters() if not n.endswith("mlp.2.bias")])


@pytest.mark.parametrize("weights", [(0.25, 0.25, 0.25, 0.25), (0.7, 0.0, 0.2, 0.1)])
def test_at_weights_that_do_not_move_it_is_plain_continued_pretraining(job, weights):
    fixed = at_weights(job, dict(zip(job.objectives, weights, strict=True))).encoder
    ruled = weighted(job, given(*weights)).encoder
    before, after, again = (encoder_of(each) for each in (job.checkpoint, fixed, ruled))
    # not the same bits: gradients that are nothing but rounding are brought to full steps by Adam
    assert (after - again).norm() < 0.05 * (after - before).norm()


def test_a_rule_sees_losses_norms_and_inner_products_in_the_encoder(job):
    sights: list[Seen] = []

    def spy(learned, seen):
        sights.append(seen)
        return given(0.25, 0.25, 0.25, 0.25)(learned, seen)

    _, shares = run(job, spy)
    assert len(sights) == 4
    assert all(torch.equal(seen.first, sights[0].losses) for seen in sights)
    assert torch.allclose(sights[0].scale, sights[0].gram.diagonal().sqrt())
    for seen in sights:
        assert torch.allclose(seen.gram, seen.gram.T)
        assert torch.linalg.eigvalsh(seen.gram).min() > -1e-4 * seen.gram.trace()
        assert seen.cosines is None
    assert list(shares[0].values()) == pytest.approx([0.25] * 4)
    assert all(sum(share.values()) == pytest.approx(1) for share in shares)


def test_what_a_rule_learns_goes_down_its_slope(job):
    learned_at = []

    def rule(learned, seen):
        learned_at.append(learned.clone())
        return Weighed(torch.ones(4).double(), torch.tensor([1.0, -1.0, 0.0, 2.0]).double())

    run(job, rule)
    assert learned_at[0].tolist() == [0, 0, 0, 0]
    assert torch.sign(learned_at[-1]).tolist() == [-1, 1, 0, -1]


def test_weights_of_nothing_leave_the_network_as_it_is(job):
    problem, shares = run(job, given(0.0, 0.0, 0.0, 0.0))
    fresh = start_pretraining(job, job.objectives).problem
    assert all(torch.equal(p, dict(fresh.named_parameters())[name]) for name, p in problem.named_parameters())
    assert list(shares[0].values()) == [0, 0, 0, 0]


def test_the_tasks_gradient_is_that_of_a_head_that_learns_and_touches_no_encoder(job):
    state = start_pretraining(job, job.objectives)
    encoder = state.problem.encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    gradient = head_on_encoder(job, encoder)
    assert gradient(0) is None  # in the warm-up
    found = gradient(1)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())

    reference = task_problem(job, encoder)  # whose head takes the step of the warm-up
    optimiser = torch.optim.Adam(reference.head.parameters(), job.budget.reweight.loop.head_lr)
    train, _ = labelled_steps(job)
    for step in (0, 1):
        optimiser.zero_grad()
        with frozen_statistics(encoder):
            loss = reference.loss(reference(train(step)), train(step))
        params = parameters(reference)
        grads = dict(zip(params, torch.autograd.grad(loss, params.values(), retain_graph=True), strict=True))
        loss.backward()
        optimiser.step()
    expected = encoder_rows({"task": grads}, params)[0]
    assert float(expected.norm()) > 0
    assert torch.allclose(found, expected, atol=1e-6)


def test_labelled_batches_are_standardised_and_of_their_part(job):
    train, valid = labelled_steps(job)
    for batches, part, size in ((train, job.split.train, 6), (valid, job.split.valid, 4)):
        labels = batches(0).labels[:, 0].numpy()
        assert len(labels) == size
        known = job.data.labels[job.split.train, 0]
        spread = (known.mean(), known.std()) if job.data.kind == "regression" else (0.0, 1.0)
        expected = (job.data.labels[part, 0] - spread[0]) / spread[1]
        assert all(math.isclose(v, expected[np.abs(expected - v).argmin()], abs_tol=1e-5) for v in labels)


def test_told_weights_are_means_of_the_shares_over_the_last_steps(job, monkeypatch):
    monkeypatch.setattr("molweight.tasks.weighted.WINDOW", 2)
    turns = iter([(1.0, 0, 0, 0), (1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0)])
    fitted = weighted(job, lambda learned, seen: given(*next(turns))(learned, seen))
    assert list(fitted.weights.values()) == pytest.approx([0, 0.5, 0.5, 0])
