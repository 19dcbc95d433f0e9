import copy

import pytest
import torch
from parallel import over_ranks
from torch import nn
from torch.func import functional_call, grad, jvp

from molweight.encoders.batch_norm import BatchNorm, synchronised_norms
from molweight.solver.curvature import frozen_statistics
from molweight.solver.ranks import ALONE

ROWS, WIDTH = 11, 3
SIZES = {"unequal": (4, 7), "a single row": (1, 10), "no rows": (0, 11)}


def network():
    torch.manual_seed(0)
    return nn.Sequential(BatchNorm(WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), BatchNorm(WIDTH)).double()


def passes(x, weight, ranks):
    """Outputs, gradients, running statistics and a curvature product of a sum over this rank's rows."""
    model = network()
    params = {name: p.detach() for name, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    along = {n: torch.randn(p.shape, generator=generator, dtype=p.dtype) for n, p in params.items()}

    def loss(params):
        return (functional_call(model, params, (x,)) * weight).tanh().sum()

    with synchronised_norms(model, active=ranks.count > 1):
        input = x.clone().requires_grad_()
        output = model(input)
        (output * weight).tanh().sum().backward()
        with frozen_statistics(model):
            product = jvp(grad(loss), (params,), (along,))[1]
    return {
        "output": output.detach(),
        "input's gradient": input.grad,
        "gradients": {name: p.grad for name, p in model.named_parameters()},
        "statistics": model.state_dict(),
        "product": product,
    }


def parts(ranks):
    generator = torch.Generator().manual_seed(2)
    x, weight = (3 * torch.randn(2, ROWS, WIDTH, generator=generator, dtype=torch.float64) + 5).unbind()
    if ranks.count == 1:
        return {name: passes(x, weight, ranks) for name in SIZES}
    return {
        name: passes(x.split(sizes)[ranks.rank], weight.split(sizes)[ranks.rank], ranks)
        for name, sizes in SIZES.items()
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return over_ranks(parts, tmp_path_factory.mktemp("parts"))


def close(a, b):
    return torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES)
def test_over_two_ranks_as_over_the_joined_rows(both, sizes):
    one, (first, second) = parts(ALONE)[sizes], (rank[sizes] for rank in both)
    for name in ("output", "input's gradient"):
        assert close(torch.cat([first[name], second[name]]), one[name])
    for name in ("gradients", "product"):
        assert all(close(first[name][n] + second[name][n], value) for n, value in one[name].items())
    for n, value in one["statistics"].items():
        assert close(first["statistics"][n], value)
        assert torch.equal(first["statistics"][n], second["statistics"][n])


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_normalised_by_the_running_statistics_and_move_none(rows):
    norm = BatchNorm(WIDTH)
    norm.running_mean.fill_(2.0)
    before = copy.deepcopy(norm.state_dict())
    x = torch.randn(rows, WIDTH)
    assert torch.allclose(norm(x), (x - 2) / (1 + norm.eps) ** 0.5)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_synchronisation_ends_with_its_block():
    model = network()
    with synchronised_norms(model):
        assert model[0].synchronised
        assert model[3].synchronised
    assert not model[0].synchronised
