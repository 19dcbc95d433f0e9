"""A head that level II fits besides ω, free of the proximal term, in closed form."""

import pytest
import torch
from closed_form import ThreeLevelQuadratic, half_square, join, split

from molweight.solver import conjugate_gradient, hypergradient

HEAD = 3
EXACT = conjugate_gradient(steps=200)


@pytest.fixture
def problem():
    """A quadratic whose level II has more variables than θ: the last of them are the head."""
    return ThreeLevelQuadratic.random(n=6, objectives=3, seed=1)


@pytest.fixture
def level2():
    g = torch.Generator().manual_seed(4)

    def matrix():
        root = torch.randn(6 + HEAD, 6 + HEAD, generator=g, dtype=torch.float64)
        return root @ root.T + 0.1 * torch.eye(6 + HEAD, dtype=torch.float64)

    def vector():
        return torch.randn(6 + HEAD, generator=g, dtype=torch.float64)

    return (matrix(), vector()), (matrix(), vector())


def fitted(theta, train, proximal):
    """ω and head at the minimum of level II."""
    matrix, centre = train
    held = torch.cat([torch.ones(6), torch.zeros(HEAD)]).double()
    anchor = torch.cat([theta, torch.zeros(HEAD, dtype=torch.float64)])
    return torch.linalg.solve(
        matrix + 2 * proximal * torch.diag(held), matrix @ centre + 2 * proximal * anchor
    )


def solve(problem, matrices, logits, **options):
    train, valid = matrices
    theta = problem.optima(logits)[0]
    both = fitted(theta, train, problem.proximal)

    def all_of(params):
        return torch.cat([join(params), params["head"]])

    return hypergradient(
        problem.pretrain_losses,
        lambda p: half_square(all_of(p), *train),
        lambda p: half_square(all_of(p), *valid),
        split(theta),
        split(both[:6]),
        logits,
        proximal=problem.proximal,
        head={"head": both[6:]},
        **options,
    )


def test_the_derivative_of_the_nested_problem_goes_through_the_head(problem, level2):
    train, valid = level2
    logits = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64, requires_grad=True)
    outer = half_square(fitted(problem.optima(logits)[0], train, problem.proximal), *valid)
    expected = torch.autograd.grad(outer, logits)[0]
    found = solve(problem, level2, logits.detach(), level1=EXACT, level2=EXACT)
    assert torch.allclose(found.gradient, expected, rtol=1e-8, atol=1e-12)
    assert found.statuses == {"level1": "converged", "level2": "converged"}


def test_a_head_held_fixed_is_another_hypergradient(problem, level2):
    """What the head would do in answer to ω matters: left out, the derivative is off."""
    train, valid = level2
    logits = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    whole = solve(problem, level2, logits, level1=EXACT, level2=EXACT).gradient
    theta = problem.optima(logits)[0]
    both = fitted(theta, train, problem.proximal)
    held = hypergradient(
        problem.pretrain_losses,
        lambda p: half_square(torch.cat([join(p), both[6:]]), *train),
        lambda p: half_square(torch.cat([join(p), both[6:]]), *valid),
        split(theta),
        split(both[:6]),
        logits,
        proximal=problem.proximal,
        level1=EXACT,
        level2=EXACT,
    ).gradient
    assert (held - whole).norm() > 0.05 * whole.norm()


def test_without_curvature_the_head_changes_nothing(problem, level2):
    logits = torch.zeros(3, dtype=torch.float64)
    found = solve(problem, level2, logits)
    valid_matrix, centre = level2[1]
    both = fitted(problem.optima(logits)[0], level2[0], problem.proximal)
    s = 2 * problem.proximal * (valid_matrix @ (both - centre))[:6]
    theta = problem.optima(logits)[0]
    gradients = torch.einsum("kij,kj->ki", problem.matrices, theta - problem.centres)
    assert torch.allclose(found.per_objective, -gradients @ s, rtol=1e-10)
