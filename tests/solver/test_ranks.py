import copy
from dataclasses import asdict

import pytest
import torch
from parallel import numbers, over_ranks
from torch import nn

from molweight.encoders.batch_norm import BatchNorm, synchronised_norms
from molweight.solver import Batches, LoopConfig, LoopState, conjugate_gradient, learn_weights, neumann
from molweight.solver.ranks import ALONE, Ranks

WIDTH, STEPS = 6, 20

METHODS = {
    "identity": {},
    "neumann": {"level1": neumann(3, 0.1), "level2": neumann(3, 0.1)},
    "conjugate_gradient": {"level1": conjugate_gradient(3, 1.0), "level2": conjugate_gradient(3)},
    "gauss_newton": {"level2": conjugate_gradient(3), "curvature": "gauss_newton"},
}


class Objective(nn.Module):
    """Mean squared error of a linear head on the encoder against a function of the input."""

    def __init__(self, target):
        super().__init__()
        self.target, self.head = target, nn.Linear(WIDTH, 1)

    def forward(self, encoder, x):
        return (self.head(encoder(x)).squeeze(1) - self.target(x)).square().mean()


class Pretrain(nn.Module):
    def __init__(self, encoder, objectives):
        super().__init__()
        self.encoder, self.objectives = encoder, nn.ModuleDict(objectives)

    def forward(self, x, seed):
        return {name: objective(self.encoder, x) for name, objective in self.objectives.items()}


class Finetune(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(WIDTH, 1)

    def forward(self, batch):
        return self.head(self.encoder(batch[0])).squeeze(1)

    def loss(self, outputs, batch):
        return (outputs - batch[1]).square().mean()


def label(x):
    return (2 * x[:, 0] * x[:, 1]).tanh()


def other(x):
    return x[:, 2].sin()


def batches_of(ranks, dtype):
    def at(step):
        generator = torch.Generator().manual_seed(step)
        drawn = [torch.randn(64, 4, generator=generator).to(dtype) for _ in range(4)]
        parts = [ranks.share(part) for part in drawn]
        return Batches(parts[0], (parts[1], label(parts[1])), (parts[2], label(parts[2])), parts[3])

    return at


def loop(ranks, dtype, objectives, **options):
    """State dicts, weights and records after some iterations of a small network with batch normalisation."""
    torch.manual_seed(0)
    # no bias where batch normalisation takes it out again: Adam would move it along the sign of rounding
    layers = nn.Linear(4, 16, bias=False), BatchNorm(16), nn.Tanh(), nn.Linear(16, WIDTH), nn.Tanh()
    encoder = nn.Sequential(*layers)
    config = LoopConfig(STEPS, warmup=2, pretrain_lr=1e-3, **options)
    problems = (
        Pretrain(encoder, {n: Objective(t) for n, t in objectives.items()}),
        Finetune(copy.deepcopy(encoder)),
    )
    pretrain, finetune = (problem.to(dtype) for problem in problems)
    state = LoopState.start(pretrain, finetune, config, average=ranks.average)
    with synchronised_norms(pretrain, finetune, active=ranks.count > 1):
        records = [asdict(r) for r in learn_weights(state, batches_of(ranks, dtype), config)]
    return pretrain.state_dict(), finetune.state_dict(), state.logits, records


def loops(ranks):
    objectives = {"leak": label, "other": other}
    return {
        (name, dtype): loop(ranks, dtype, objectives, **options)
        for name, options in METHODS.items()
        for dtype in (torch.float32, torch.float64)
    }


def broken(ranks):
    """One rank's loss alone is not a number, in the third step of several."""
    calls = []

    def target(x):
        calls.append(x)
        return label(x) / (0.0 if ranks.rank == 1 and len(calls) == 3 else 1.0)

    return loop(ranks, torch.float32, {"leak": label, "broken": target})


@pytest.fixture(scope="module")
def one():
    return loops(ALONE)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return over_ranks(loops, tmp_path_factory.mktemp("loops"))


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_two_ranks_at_half_the_batch_are_one_at_the_whole(one, both, method, dtype, tolerance):
    alone, shared = one[method, dtype], both[0][method, dtype]
    assert numbers(shared) == pytest.approx(numbers(alone), abs=tolerance, nan_ok=True)
    statuses = [[record["statuses"] for record in found[-1]] for found in (alone, shared)]
    assert statuses[0] == statuses[1]


@pytest.mark.slow
def test_ranks_hold_the_same_bits(both):
    first, second = ([numbers(found) for found in rank.values()] for rank in both)
    assert repr(first) == repr(second)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_on_one_rank_stops_all_and_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"FloatingPointError: the loss of objective broken is (nan|inf)"):
        over_ranks(broken, tmp_path)


def test_shares_are_the_rows():
    rows = torch.arange(7)
    shares = [Ranks(r, 3).share(rows) for r in range(3)]
    assert sorted(torch.cat(shares).tolist()) == rows.tolist()
    assert [len(share) for share in shares] == [3, 2, 2]
    assert ALONE.share(rows) is rows
    with pytest.raises(ValueError, match="a batch of 2 cannot be shared by 3 ranks"):
        Ranks(0, 3).share(rows[:2])


def test_one_rank_takes_everything_as_it_is():
    values = {"x": torch.ones(2)}
    assert ALONE.average(values) is values
    assert ALONE.once(lambda: 3) == ALONE.first_then_others(lambda: 3) == 3


def test_no_two_ranks_draw_alike():
    assert Ranks(0, 3).seed(5) == 5
    assert len({Ranks(r, 3).seed(5) for r in range(3)}) == 3
