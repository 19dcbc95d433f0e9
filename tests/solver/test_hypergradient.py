import pytest
import torch
from closed_form import ThreeLevelQuadratic, dense, join, logits_for, solve, split
from torch.func import grad

from molweight.solver import Composed, hypergradient


@pytest.mark.parametrize("n", [3, 12])
@pytest.mark.parametrize("objectives", [2, 5, 8])
@pytest.mark.parametrize("condition", [1.0, 1e4])
@pytest.mark.parametrize("proximal", [1e-2, 10.0])
def test_exact_inverses_give_the_derivative_of_the_nested_problem(n, objectives, condition, proximal):
    problem = ThreeLevelQuadratic.random(n, objectives, condition, proximal)
    logits = logits_for(objectives)
    expected = problem.slope(logits)
    found = solve(problem, logits, *problem.optima(logits), level1=dense, level2=dense)
    assert torch.allclose(found.gradient, expected, rtol=1e-8, atol=1e-12 * expected.abs().max())


def test_exact_inverses_agree_with_finite_differences_of_the_nested_problem():
    problem, logits, step = ThreeLevelQuadratic.random(), logits_for(3), 1e-5
    theta, omega = problem.optima(logits)
    found = solve(problem, logits, theta, omega, level1=dense, level2=dense).gradient
    for k, unit in enumerate(torch.eye(3, dtype=torch.float64)):
        slope = (problem.outer(logits + step * unit) - problem.outer(logits - step * unit)) / (2 * step)
        assert found[k] == pytest.approx(slope.item(), rel=1e-6)


@pytest.mark.parametrize("n", [3, 9])
@pytest.mark.parametrize("objectives", range(2, 9))
@pytest.mark.parametrize("proximal", [1e-2, 1.0, 30.0])
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_exact_inverses_give_the_closed_form_anywhere(n, objectives, proximal, damping):
    """Away from the optima too, so that an inverse can be put in and taken out by itself."""
    problem = ThreeLevelQuadratic.random(n, objectives, condition=100.0, proximal=proximal, seed=objectives)
    generator = torch.Generator().manual_seed(n)
    theta, omega = torch.randn(2, n, generator=generator, dtype=torch.float64)
    logits = logits_for(objectives)
    found = solve(problem, logits, theta, omega, damping=damping, level1=dense, level2=dense)
    gradient, per_objective = problem.hypergradient(theta, omega, logits, damping)
    scale = per_objective.abs().max().item()
    assert torch.allclose(found.per_objective, per_objective, rtol=0, atol=1e-10 * scale)
    assert torch.allclose(found.gradient, gradient, rtol=0, atol=1e-10 * scale)
    assert found.products == {"level1": n, "level2": n}


def test_an_objective_that_is_the_task_gains_and_its_opposite_loses():
    """Planted truth: with ω = θ, a loss equal to the validation loss points along s, its negative against."""
    problem = ThreeLevelQuadratic.random(objectives=3)
    (matrix, centre), matrices, centres = problem.valid, problem.matrices.clone(), problem.centres.clone()
    matrices[0], matrices[1], centres[0], centres[1] = matrix, -matrix, centre, centre
    planted = ThreeLevelQuadratic(matrices, centres, problem.train, problem.valid, problem.proximal)
    theta = torch.randn(6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = solve(planted, torch.zeros(3, dtype=torch.float64), theta, theta)
    assert found.cosines[:2].tolist() == pytest.approx([1, -1], abs=1e-12)
    assert found.gradient[0] < 0 < found.gradient[1]  # the logits move against it


def test_damping_is_added_to_level_1():
    problem, logits, damping = ThreeLevelQuadratic.random(), logits_for(3), 0.7
    theta, omega = problem.optima(logits)
    found = solve(problem, logits, theta, omega, damping=damping, level1=dense)
    curvature = (logits.softmax(0)[:, None, None] * problem.matrices).sum(0)
    r = 2 * problem.proximal * join(grad(problem.valid_loss)(split(omega)))
    s = torch.linalg.solve(curvature + damping * torch.eye(6, dtype=torch.float64), r)
    gradients = torch.func.jacrev(problem.pretrain_losses)(split(theta))
    assert torch.allclose(found.per_objective, -join_rows(gradients) @ s)


def join_rows(jacobian: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([jacobian["first"], jacobian["rest"].flatten(1)], dim=1)


def test_identity_differentiates_one_unrolled_step_of_each_level():
    problem = ThreeLevelQuadratic.random()
    generator = torch.Generator().manual_seed(1)
    theta, omega = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    logits = logits_for(3).requires_grad_()
    rate = 1e-2
    # the levels' two steps: θ' = θ − rate·∇Σλℓ, then ω' = ω − rate·(∇L_train + 2γ(ω − θ'))
    slope = grad(lambda p: (logits.softmax(0) * problem.pretrain_losses(p)).sum())(split(theta))
    moved = theta - rate * join(slope)
    pull = join(grad(problem.finetune_loss)(split(omega))) + 2 * problem.proximal * (omega - moved)
    adapted = omega - rate * pull
    expected = torch.autograd.grad(problem.valid_loss(split(adapted)), logits)[0]
    # the hypergradient at (θ, ω') is that derivative but for both step sizes
    found = solve(problem, logits.detach(), theta, adapted.detach())
    assert torch.allclose(rate**2 * found.gradient, expected, rtol=1e-10)
    assert found.products == {"level1": 0, "level2": 0}


def test_products_are_counted_for_each_level():
    problem = ThreeLevelQuadratic.random()
    theta, omega = problem.optima(logits_for(3))
    found = solve(problem, logits_for(3), theta, omega, level2=dense)
    assert found.products == {"level1": 0, "level2": 6}


def test_cosines_are_those_of_the_response_and_each_gradient():
    problem, logits = ThreeLevelQuadratic.random(), logits_for(3)
    theta, omega = problem.optima(logits)
    gradients = join_rows(torch.func.jacrev(problem.pretrain_losses)(split(theta)))
    v = join(grad(problem.valid_loss)(split(omega)))
    expected = torch.nn.functional.cosine_similarity(gradients, v[None], dim=1)
    found = solve(problem, logits, theta, omega)
    assert torch.allclose(found.cosines, expected)
    assert found.valid_loss == pytest.approx(problem.valid_loss(split(omega)).item())


def test_gradient_is_the_softmax_pullback_of_the_weights_gradient():
    problem, logits = ThreeLevelQuadratic.random(), logits_for(3)
    found = solve(problem, logits, *problem.optima(logits))
    jacobian = torch.func.jacrev(lambda w: w.softmax(0))(logits)
    assert torch.allclose(found.gradient, jacobian.T @ found.per_objective)
    assert found.gradient.sum().abs() < 1e-12


def test_float32_agrees_with_float64():
    problem, logits = ThreeLevelQuadratic.random(condition=3.0), logits_for(3)
    theta, omega = problem.optima(logits)
    exact = solve(problem, logits, theta, omega, level1=dense, level2=dense).gradient
    single = ThreeLevelQuadratic(
        problem.matrices.float(),
        problem.centres.float(),
        tuple(t.float() for t in problem.train),
        tuple(t.float() for t in problem.valid),
        problem.proximal,
    )
    found = solve(single, logits.float(), theta.float(), omega.float(), level1=dense, level2=dense).gradient
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), exact, rtol=1e-4, atol=1e-5)


def square(params):
    return sum((x**2).sum() for x in params.values())


def root(params):
    return sum(x.abs().sqrt().sum() for x in params.values())


def infinite(params):
    return 1 / (0 * square(params))


def curved(params):
    """A finite gradient at 0, but no finite Hessian."""
    return sum((x.abs() ** 1.5).sum() for x in params.values())


def call(**change):
    """A small problem, but for what is asked for; θ = ω = 0."""
    arguments = {
        "pretrain_losses": lambda p: torch.stack([square(p), square(p)]),
        "finetune_loss": square,
        "valid_loss": lambda p: square({name: x - 1 for name, x in p.items()}),
        "theta": {"y": torch.zeros(2)},
        "omega": {"y": torch.zeros(2)},
        "logits": torch.zeros(2),
        "proximal": 1.0,
    }
    return hypergradient(**arguments | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": {"x": torch.zeros(2)}}, "x, y"),
        ({"omega": {"y": torch.zeros(3)}}, "y"),
        ({"proximal": 0.0}, "proximal must be positive"),
        ({"proximal": -1.0}, "proximal must be positive, got -1"),
        ({"level1": "magic"}, "'magic'"),
        ({"level2": "magic"}, "identity"),
        ({"logits": torch.zeros(0)}, "logits is empty; give at least one objective"),
        ({"logits": torch.zeros(3)}, r"vector of 3, one loss for each weight, got shape \(2,\)"),
        ({"logits": torch.zeros(3), "level1": lambda matvec, b: matvec(b)}, "one loss for each"),
        ({"logits": torch.zeros(2), "parametrisation": "strength"}, "vector of 1, one loss for each weight"),
        ({"logits": torch.zeros(4), "parametrisation": "strength"}, "vector of 3, one loss for each weight"),
        ({"pretrain_losses": square}, r"vector of 2, .* got shape \(\)"),
        ({"parametrisation": "sparsemax"}, r"one of \['softmax', 'strength'\], got 'sparsemax'"),
        ({"curvature": "fisher"}, "curvature must be 'hessian' or 'gauss_newton', got 'fisher'"),
        ({"curvature": "gauss_newton"}, r"needs finetune_loss as Composed\(outputs, loss\)"),
        (
            {"pretrain_losses": lambda p: torch.stack([square(p), torch.tensor(3.0)])},
            "objective 1 of pretrain_losses has no gradient path to the encoder: it does not depend on theta",
        ),
    ],
)
def test_errors_say_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        call(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid_loss": infinite}, "the validation loss is not finite"),
        ({"valid_loss": root}, "the gradient of the validation loss is not finite"),
        ({"pretrain_losses": lambda p: torch.stack([square(p), infinite(p)])}, "the vector of pretrain_loss"),
        ({"pretrain_losses": lambda p: torch.stack([square(p), root(p)])}, "gradient of a pretraining loss"),
        ({"finetune_loss": curved, "level2": "neumann"}, "product 1 with the Hessian of a best response"),
        ({"finetune_loss": curved, "level2": "conjugate_gradient"}, "product 1 with the Hessian"),
        ({"finetune_loss": curved, "level2": lambda matvec, b: matvec(b)}, "the best response is not finite"),
    ],
)
def test_what_is_not_finite_is_named(change, message):
    with pytest.raises(FloatingPointError, match=message):
        call(**change)


def test_an_objective_at_its_optimum_is_not_taken_for_a_constant():
    generator = torch.get_rng_state()
    found = call()
    assert found.cosines.tolist() == found.gradient.tolist() == [0, 0]
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize("inverse", ["identity", "neumann", "conjugate_gradient"])
def test_a_head_that_needs_gradients_leaves_no_graph_behind(inverse):
    head = torch.ones(2, requires_grad=True)
    composed = Composed(lambda p: head * p["y"], lambda outputs: (outputs - 1).square().sum())
    options = {"finetune_loss": composed, "valid_loss": composed, "curvature": "gauss_newton"}
    found = call(**options, level1=inverse, level2=inverse)
    assert not found.valid_loss.requires_grad
    assert not found.gradient.requires_grad
    assert not found.cosines.requires_grad
    assert head.grad is None
