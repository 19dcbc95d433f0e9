import copy
from dataclasses import replace

import pytest
import torch

from molweight.molecules.batch import collate
from molweight.objectives import graph_objectives
from molweight.tasks.continued import equal
from molweight.tasks.data import as_tensor
from molweight.tasks.head_fitting import fit_heads
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.variants import varied


@pytest.fixture
def problem(encoder, compute):
    torch.manual_seed(0)
    return PretrainProblem(copy.deepcopy(encoder), graph_objectives(encoder.width), compute)


def fitted(problem, data, parts, steps, seed=0):
    train = as_tensor(parts["train"], torch.device("cpu"))
    fit_heads(problem, data.store, train, steps, 8, seed)
    return problem


def test_heads_learn_and_the_encoder_stays_as_it_is(problem, data, parts, compute):
    before = copy.deepcopy(problem.state_dict())
    after = fitted(problem, data, parts, 40).state_dict()
    for name, value in before.items():
        stays = name.startswith("encoder.") or torch.equal(value, after[name])
        assert torch.equal(value, after[name]) == stays
    moved = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    assert moved == set(problem.objectives)
    assert all(p.requires_grad for p in problem.encoder.parameters())
    assert problem.training

    batch = collate(data.store, as_tensor(parts["train"], torch.device("cpu")))
    late = problem(batch, 1)
    problem.load_state_dict(before)
    assert all(late[name] < loss for name, loss in problem(batch, 1).items())


def test_a_seed_gives_the_same_heads_and_no_steps_leave_them(problem, data, parts):
    untouched = copy.deepcopy(problem.state_dict())
    none = fitted(copy.deepcopy(problem), data, parts, 0).state_dict()
    assert all(torch.equal(none[name], value) for name, value in untouched.items())
    first, same, other = (
        fitted(copy.deepcopy(problem), data, parts, 3, seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_frozen_part_of_an_encoder_stays_frozen(problem, data, parts):
    frozen = next(problem.encoder.parameters()).requires_grad_(False)
    fitted(problem, data, parts, 1)
    assert not frozen.requires_grad


def test_methods_fit_heads_as_the_budget_says(job, monkeypatch):
    asked = []
    monkeypatch.setattr("molweight.tasks.continued.fit_heads", lambda *given: asked.append(given[3:]))
    equal(job)
    equal(replace(job, budget=varied(job.budget, {"head_steps": 7, "pretrain_batch": 5})))
    assert asked == [(0, job.budget.reweight.pretrain_batch, job.seed), (7, 5, job.seed)]
