"""The hypergradient with each iterative best response, against exact ones: tight, or at the known rate."""

import math

import pytest
import torch
from closed_form import ThreeLevelQuadratic, dense, join, logits_for, solve, split

from molweight.solver import Composed, conjugate_gradient, hypergradient, identity, neumann
from molweight.solver.best_response import BestResponse, best_response
from molweight.solver.weights import softmax, strength

OTHER = {"level1": "level2", "level2": "level1"}
FULL = {3: conjugate_gradient(6, tolerance=1e-14), 20: conjugate_gradient(40, tolerance=1e-14)}


def level1_matrix(problem, logits, damping=0.0):
    weighted = (logits.softmax(0)[:, None, None] * problem.matrices).sum(0)
    return weighted + damping * torch.eye(len(weighted), dtype=weighted.dtype)


def level2_matrix(problem):
    matrix, b = problem.train
    return matrix + 2 * problem.proximal * torch.eye(len(b), dtype=b.dtype)


def response(problem, logits, **options) -> BestResponse:
    theta, omega = problem.optima(logits)
    return best_response(
        lambda p: logits.softmax(0) @ problem.pretrain_losses(p),
        problem.finetune_loss,
        problem.valid_loss,
        split(theta),
        split(omega),
        proximal=problem.proximal,
        **options,
    )


def valid_gradient(problem, logits):
    matrix, centre = problem.valid
    return matrix @ (problem.optima(logits)[1] - centre)


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4])
@pytest.mark.parametrize("objectives", [2, 5, 8])
@pytest.mark.parametrize("proximal", [1e-2, 1.0, 10.0])
def test_conjugate_gradients_give_the_derivative_of_the_nested_problem(n, condition, objectives, proximal):
    """In up to 2n steps: after n of them rounding leaves 1e-4 at n = 20, condition 100, and 0.1 at 10,000."""
    problem, logits = ThreeLevelQuadratic.random(n, objectives, condition, proximal), logits_for(objectives)
    found = solve(problem, logits, *problem.optima(logits), level1=FULL[n], level2=FULL[n])
    assert relative_error(found.gradient, problem.slope(logits)) < 1e-8
    assert set(found.statuses.values()) == {"converged"}
    assert all(residual <= 1e-14 for residual in found.residuals.values())
    assert all(1 <= products <= 2 * n for products in found.products.values())


@pytest.mark.parametrize("inverse", [dense, FULL[20]], ids=["dense", "conjugate_gradient"])
@pytest.mark.parametrize("weights", [softmax, strength])
@pytest.mark.parametrize("damping", [1e-3, 0.2])
@pytest.mark.parametrize("objectives", [2, 5])
def test_with_a_ridge_for_damping_every_parametrisation_gives_the_nested_derivative(
    inverse, weights, damping, objectives
):
    """Without the ridge the strength would not move the optimum of level I."""
    problem = ThreeLevelQuadratic.random(20, objectives, condition=100.0)
    logits = logits_for(objectives + (weights is strength))
    expected = problem.slope(logits, weights, damping)
    optima = problem.optima(logits, weights, damping)
    options = {"damping": damping, "parametrisation": weights.__name__}
    found = solve(problem, logits, *optima, level1=inverse, level2=inverse, **options)
    assert relative_error(found.gradient, expected) < 1e-8
    assert abs(expected[-1]) > 1e-3 * expected.norm()


def test_damping_of_the_level_and_of_its_solver_are_the_same():
    problem, logits = ThreeLevelQuadratic.random(), logits_for(3)
    optima = problem.optima(logits)
    of_level = solve(problem, logits, *optima, damping=0.3, level1=conjugate_gradient(4))
    of_solver = solve(problem, logits, *optima, level1=conjugate_gradient(4, damping=0.3))
    assert torch.allclose(of_level.gradient, of_solver.gradient, rtol=1e-12)
    assert of_level.residuals["level1"] == pytest.approx(of_solver.residuals["level1"], rel=1e-9)


@pytest.mark.parametrize(("inverse", "products"), [(neumann(7, 0.5), 7), (conjugate_gradient(3), 3)])
@pytest.mark.parametrize("level", ["level1", "level2"])
def test_each_level_reports_its_true_residual(inverse, products, level):
    """The other level solved exactly, so that this one's right-hand side and solution are known."""
    problem, logits = ThreeLevelQuadratic.random(n=12, condition=100.0), logits_for(3)
    found = response(problem, logits, damping=0.1, **{level: inverse, OTHER[level]: dense})
    first, second = level1_matrix(problem, logits, 0.1), level2_matrix(problem)
    v, s, pull = valid_gradient(problem, logits), join(found.s), 2 * problem.proximal
    if level == "level1":
        b = pull * torch.linalg.solve(second, v)
        expected = (b - first @ s).norm() / b.norm()
    else:
        expected = (v - second @ (first @ s) / pull).norm() / v.norm()
    assert found.residuals[level] == pytest.approx(float(expected), rel=1e-8)
    assert math.isnan(found.residuals[OTHER[level]])
    assert found.statuses == {level: "step limit", OTHER[level]: ""}
    assert found.products == {level: products, OTHER[level]: 12}


def test_identity_and_plain_functions_know_no_residual():
    problem, logits = ThreeLevelQuadratic.random(), logits_for(3)
    found = solve(problem, logits, *problem.optima(logits), level1="identity", level2=dense)
    assert all(math.isnan(residual) for residual in found.residuals.values())
    assert found.statuses == {"level1": "", "level2": ""}
    assert found.products == {"level1": 0, "level2": 6}


def test_negative_curvature_of_a_level_is_told():
    problem, logits = ThreeLevelQuadratic.random(), logits_for(3)
    theta, omega = problem.optima(logits)
    concave = ThreeLevelQuadratic(
        -problem.matrices, problem.centres, problem.train, problem.valid, problem.proximal
    )
    found = solve(concave, logits, theta, omega, level1="conjugate_gradient", level2="conjugate_gradient")
    assert found.statuses == {"level1": "negative curvature", "level2": "converged"}
    stopgap = solve(concave, logits, theta, omega, level1=identity, level2="conjugate_gradient")
    assert torch.equal(found.gradient, stopgap.gradient)


@pytest.mark.parametrize("level", ["level1", "level2"])
@pytest.mark.parametrize("scale", [0.1, 0.5])
@pytest.mark.parametrize("terms", [1, 5, 40])
def test_the_neumann_series_leaves_its_known_error_in_the_hypergradient(level, scale, terms):
    """(I − scale·H)ⁿ of the solution, and so of each objective's derivative: nothing more, nothing less."""
    problem, logits = ThreeLevelQuadratic.random(n=8, condition=20.0), logits_for(3)
    first, second = level1_matrix(problem, logits), level2_matrix(problem)
    theta, omega = problem.optima(logits)
    gradients = torch.einsum("kij,kj->ki", problem.matrices, theta - problem.centres)

    def remaining(matrix, x):
        step = torch.eye(8, dtype=torch.float64) - scale * matrix
        return torch.linalg.matrix_power(step, terms) @ x

    u = torch.linalg.solve(second, valid_gradient(problem, logits))
    s = torch.linalg.solve(first, 2 * problem.proximal * u)
    if level == "level1":
        error = remaining(first, s)
    else:
        error = torch.linalg.solve(first, 2 * problem.proximal * remaining(second, u))
    found = solve(problem, logits, theta, omega, **{level: neumann(terms, scale), OTHER[level]: dense})
    exact = -gradients @ s
    assert torch.allclose(found.per_objective - exact, gradients @ error, rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize(("level", "scale"), [("level1", 0.5), ("level1", 1.3), ("level2", 0.2)])
def test_with_every_term_of_the_neumann_series_the_error_falls_by_its_rate(level, scale):
    """By at least max |1 − scale·λ|, and in the end by just that."""
    problem, logits = ThreeLevelQuadratic.random(n=8, condition=20.0), logits_for(3)
    matrix = level1_matrix(problem, logits) if level == "level1" else level2_matrix(problem)
    rate = float((1 - scale * torch.linalg.eigvalsh(matrix)).abs().max())

    def residual(terms):
        options = {level: neumann(terms, scale), OTHER[level]: dense}
        return response(problem, logits, **options).residuals[level]

    falls = [residual(terms + 1) / residual(terms) for terms in (1, 2, 5, 10, 60)]
    assert max(falls) <= rate * (1 + 1e-9)
    assert falls[-1] == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("products", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 1.5])
def test_no_neumann_series_beats_conjugate_gradients_at_equal_products(products, scale):
    """Both search the same Krylov space, of which conjugate gradients' error is the least in the A-norm."""
    problem, logits = ThreeLevelQuadratic.random(n=20, objectives=5, condition=30.0), logits_for(5)
    matrix = level1_matrix(problem, logits)
    exact = join(response(problem, logits, level1=dense, level2=dense).s)

    def error(inverse):
        away = join(response(problem, logits, level1=inverse, level2=dense).s) - exact
        return float(away @ matrix @ away)

    assert error(conjugate_gradient(products)) <= error(neumann(products, scale))


def test_at_equal_products_conjugate_gradients_lead_neumann_leads_identity():
    """Mean over problems of 1 − cos(found, exact), both levels inexact."""
    found = {
        (name, products): mean_misalignment(inverse(products))
        for products in (3, 5, 10)
        for name, inverse in (("neumann", lambda k: neumann(k, 0.9)), ("cg", conjugate_gradient))
    }
    worst = mean_misalignment(identity)
    for products in (3, 5, 10):
        assert 5 * found["cg", products] < found["neumann", products] < worst / 2
    assert found["neumann", 10] < found["neumann", 5] < found["neumann", 3]
    assert found["cg", 10] < 1e-8 < found["cg", 5] < 1e-3 < found["cg", 3] < 1e-2


def mean_misalignment(inverse):
    found, logits = [], logits_for(5)
    for seed in range(10):
        problem = ThreeLevelQuadratic.random(n=20, objectives=5, condition=30.0, seed=seed)
        gradient = solve(problem, logits, *problem.optima(logits), level1=inverse, level2=inverse).gradient
        found.append(1 - float(torch.cosine_similarity(gradient, problem.slope(logits), dim=0)))
    return sum(found) / len(found)


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize("inverse", [conjugate_gradient(40), neumann(10, 0.1), dense])
def test_of_a_linear_network_gauss_newton_is_the_hessian(n, inverse):
    problem, logits = ThreeLevelQuadratic.random(n), logits_for(3)
    (matrix, centre), (theta, omega) = problem.train, problem.optima(logits)
    factor = torch.linalg.cholesky(matrix).T  # so that ½ ‖factor (ω − b)‖² is the finetune loss
    linear = Composed(lambda p: factor @ (join(p) - centre), lambda outputs: outputs.square().sum() / 2)
    hessian, gauss_newton = (
        hypergradient(
            problem.pretrain_losses,
            linear,
            problem.valid_loss,
            split(theta),
            split(omega),
            logits,
            proximal=problem.proximal,
            level1=inverse,
            level2=inverse,
            curvature=curvature,
        )
        for curvature in ("hessian", "gauss_newton")
    )
    assert relative_error(gauss_newton.gradient, hessian.gradient) < 1e-10
    assert gauss_newton.statuses == hessian.statuses
    plain = solve(problem, logits, theta, omega, level1=inverse, level2=inverse)
    assert relative_error(plain.gradient, hessian.gradient) < 1e-10
