import pytest
import torch

from molweight.encoders.gin import GIN
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives
from molweight.solver.weights import uniform_weights
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem

CONFIG = PretrainConfig(steps=4, batch_size=8, seed=1)
UNIFORM = uniform_weights(list(DEFAULT_GRAPH_OBJECTIVES))


def run(data, compute, config=CONFIG, weights=UNIFORM, state_seed=0):
    torch.manual_seed(state_seed)
    state = PretrainState.start(PretrainProblem(GIN(2, 8), graph_objectives(8), compute), config)
    before = {n: p.detach().clone() for n, p in state.problem.named_parameters()}
    losses = list(pretrain(state, data.store, torch.arange(20), weights, config))
    return state, before, losses


def test_same_seed_same_bits_and_another_seed_others(data, compute):
    (first, _, losses), (second, _, again) = (run(data, compute) for _ in range(2))
    assert losses == again
    states = first.problem.state_dict(), second.problem.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert losses != run(data, compute, PretrainConfig(steps=4, batch_size=8, seed=2))[2]


def test_each_step_gives_the_loss_of_every_objective(data, compute):
    state, _, losses = run(data, compute)
    assert [list(step) for step in losses] == [list(DEFAULT_GRAPH_OBJECTIVES)] * 4
    assert state.step == 4
    assert set(state.scale.norms) == set(DEFAULT_GRAPH_OBJECTIVES)


def test_an_objective_without_weight_teaches_nothing(data, compute):
    weights = {name: float(name == "attribute_masking") for name in DEFAULT_GRAPH_OBJECTIVES}
    state, before, _ = run(data, compute, weights=weights)
    for name, p in state.problem.named_parameters():
        if name.startswith("objectives."):
            idle = not name.startswith("objectives.attribute_masking")
            assert torch.equal(p, before[name]) == idle, name


def test_the_rate_of_each_step_is_the_schedules(data, compute):
    config = PretrainConfig(steps=4, batch_size=8, lr=0.02, warmup=2, decay=True)
    torch.manual_seed(0)
    state = PretrainState.start(PretrainProblem(GIN(2, 8), graph_objectives(8), compute), config)
    rates = []
    for _ in pretrain(state, data.store, torch.arange(20), UNIFORM, config):
        rates.append(state.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.02, 0.02, 0.01])


def test_losses_fall(data, compute):
    config = PretrainConfig(steps=150, batch_size=20, lr=1e-2)
    losses = run(data, compute, config)[2]
    early, late = (
        {name: sum(step[name] for step in part) for name in UNIFORM} for part in (losses[:20], losses[-20:])
    )
    assert late["attribute_masking"] < 0.3 * early["attribute_masking"]
    assert all(late[name] < 0.95 * early[name] for name in UNIFORM)


def test_a_loss_that_is_not_finite_is_named(data, compute):
    torch.manual_seed(0)
    state = PretrainState.start(PretrainProblem(GIN(2, 8), graph_objectives(8), compute), CONFIG)
    with torch.no_grad():
        state.problem.objectives["contrastive"].head[0].weight.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="objective contrastive is nan"):
        next(pretrain(state, data.store, torch.arange(20), UNIFORM, CONFIG))
