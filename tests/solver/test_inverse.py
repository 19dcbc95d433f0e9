"""Best responses on dense symmetric matrices in float64, against direct solutions and the known rates."""

import itertools
import math

import pytest
import torch
from closed_form import dense, join, split, symmetric
from hypothesis import given
from hypothesis import strategies as st

from molweight.solver.inverse import INVERSES, as_inverse, conjugate_gradient, identity, neumann

SIZES = [2, 3, 20]
CONDITIONS = [1.0, 1e2, 1e4]
problems = pytest.mark.parametrize(("n", "condition"), list(itertools.product(SIZES, CONDITIONS)))


class Product:
    """Multiplication with a matrix, which counts."""

    def __init__(self, matrix):
        self.matrix, self.calls = matrix, 0

    def __call__(self, vector):
        self.calls += 1
        return split(self.matrix @ join(vector))


def problem(n, condition=1e2, seed=0):
    """A positive definite matrix with eigenvalues from 1/condition to 1, and a right-hand side."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.logspace(0, -math.log10(condition), n, dtype=torch.float64)
    return symmetric(spectrum, generator), torch.randn(n, generator=generator, dtype=torch.float64)


def diagonal(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64))


def relative_residual(matrix, x, b):
    return float((b - matrix @ join(x)).norm() / b.norm())


def refuse(vector):
    raise AssertionError("no product is needed")


def never_finite(vector, value=math.nan):
    return {name: torch.full_like(v, value) for name, v in vector.items()}


def test_identity_gives_back_its_input_without_a_product():
    b = {"x": torch.ones(2)}
    assert identity(refuse, b) is b


def test_inverses_are_found_by_name_and_functions_taken_as_they_are():
    assert all(as_inverse(name) is inverse for name, inverse in INVERSES.items())
    assert as_inverse(dense) is dense


def test_an_unknown_name_is_given_with_those_there_are():
    with pytest.raises(ValueError, match=r"\['conjugate_gradient', 'identity', 'neumann'\], got 'newton'"):
        as_inverse("newton")


def test_the_dense_reference_solves_with_one_product_for_each_dimension():
    matrix, expected = problem(7)
    product = Product(matrix)
    assert torch.allclose(join(dense(product, split(matrix @ expected))), expected, rtol=1e-10)
    assert product.calls == 7


@problems
@pytest.mark.parametrize("damping", [0.0, 1e-3, 0.5, 20.0])
def test_conjugate_gradients_solve_the_damped_system(n, condition, damping):
    matrix, b = problem(n, condition)
    expected = torch.linalg.solve(matrix + damping * torch.eye(n, dtype=b.dtype), b)
    # n steps would do but for rounding, which costs the directions their conjugacy: 26 for n = 20 at
    # condition 100, 47 at 10,000
    found = conjugate_gradient(3 * n, damping, tolerance=1e-14)(Product(matrix), split(b))
    assert (join(found) - expected).norm() < 1e-12 * expected.norm()
    assert found.status == "converged"


@pytest.mark.parametrize("distinct", [1, 2, 4])
def test_conjugate_gradients_take_a_step_for_each_distinct_eigenvalue(distinct):
    generator = torch.Generator().manual_seed(3)
    spectrum = torch.linspace(1, 2, distinct, dtype=torch.float64).repeat(12 // distinct)
    product = Product(symmetric(spectrum, generator))
    b = torch.randn(12, generator=generator, dtype=torch.float64)
    assert conjugate_gradient(tolerance=1e-13)(product, split(b)).status == "converged"
    assert product.calls == distinct


@problems
def test_the_error_of_conjugate_gradients_falls_below_the_textbook_bound(n, condition):
    """‖x − xₙ‖_A ≤ 2 ((√κ − 1)/(√κ + 1))ⁿ ‖x‖_A, and never grows."""
    matrix, b = problem(n, condition)
    solution, root = torch.linalg.solve(matrix, b), math.sqrt(condition)
    start = before = float((solution @ matrix @ solution).sqrt())
    for steps in range(1, 2 * n + 1):
        away = join(conjugate_gradient(steps, tolerance=0.0)(Product(matrix), split(b))) - solution
        error, rounding = float((away @ matrix @ away).sqrt()), 1e-12 * start
        assert error <= before + rounding
        assert error <= 2 * ((root - 1) / (root + 1)) ** steps * start + rounding
        before = error


@problems
@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-6, 1e-10])
def test_conjugate_gradients_stop_at_the_first_residual_within_tolerance(n, condition, tolerance):
    matrix, b = problem(n, condition)
    product = Product(matrix)
    found = conjugate_gradient(3 * n, tolerance=tolerance)(product, split(b))
    assert found.status == "converged"
    assert found.residual <= tolerance
    assert found.residual == pytest.approx(relative_residual(matrix, found, b), rel=1e-3, abs=1e-13)
    if product.calls > 1:
        sooner = conjugate_gradient(product.calls - 1, tolerance=tolerance)(Product(matrix), split(b))
        assert sooner.status == "step limit"
        assert relative_residual(matrix, sooner, b) > tolerance


@given(
    n=st.integers(2, 12),
    steps=st.integers(1, 15),
    exponent=st.floats(0, 4),
    damping=st.floats(0, 2),
    tolerance=st.floats(0, 1),
    size=st.floats(1e-6, 1e6),
    seed=st.integers(0, 1000),
)
def test_conjugate_gradients_report_what_they_did(n, steps, exponent, damping, tolerance, size, seed):
    matrix, b = problem(n, 10**exponent, seed)
    product, b = Product(matrix), size * b
    damped = matrix + damping * torch.eye(n, dtype=b.dtype)
    found = conjugate_gradient(steps, damping, tolerance)(product, split(b))
    assert 1 <= product.calls <= steps
    assert found.residual == pytest.approx(relative_residual(damped, found, b), rel=1e-6, abs=1e-11)
    assert found.status == ("converged" if found.residual <= max(tolerance, 2.3e-16) else "step limit")
    assert product.calls == steps or found.status == "converged"


@pytest.mark.parametrize("first", [(-1.0, 0.5), (0.0, 0.0)])
def test_negative_curvature_at_once_gives_back_the_right_hand_side(first):
    matrix, b = diagonal(*first), torch.tensor([2.0, 1.0], dtype=torch.float64)
    product = Product(matrix)
    found = conjugate_gradient()(product, split(b))
    assert torch.equal(join(found), b)
    assert (found.status, product.calls) == ("negative curvature", 1)
    assert found.residual == pytest.approx(relative_residual(matrix, found, b), rel=1e-14)


def test_later_negative_curvature_gives_back_the_iterate_before_it():
    matrix = diagonal(3.0, 2.0, 1.0, -0.1)
    b = torch.tensor([1.0, 1.0, 1.0, 0.2], dtype=torch.float64)
    product = Product(matrix)
    found = conjugate_gradient(10)(product, split(b))
    assert found.status == "negative curvature"
    assert product.calls > 2
    before = conjugate_gradient(product.calls - 1)(Product(matrix), split(b))
    assert before.status == "step limit"
    assert torch.equal(join(found), join(before))
    assert found.residual == before.residual
    assert found.residual == pytest.approx(relative_residual(matrix, found, b), rel=1e-12)


def test_damping_beyond_the_least_eigenvalue_lifts_negative_curvature():
    matrix, b = diagonal(3.0, 2.0, 1.0, -0.1), torch.ones(4, dtype=torch.float64)
    found = conjugate_gradient(damping=0.2)(Product(matrix), split(b))
    assert found.status == "converged"
    assert join(found).tolist() == pytest.approx([1 / 3.2, 1 / 2.2, 1 / 1.2, 1 / 0.1], rel=1e-12)


@pytest.mark.parametrize("solve", [conjugate_gradient(), neumann()], ids=["conjugate_gradient", "neumann"])
class TestBoth:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_right_hand_side_that_is_not_finite_is_named(self, solve, value):
        b = torch.tensor([1.0, value, 0.0], dtype=torch.float64)
        with pytest.raises(FloatingPointError, match="the right-hand side of a best response is not finite"):
            solve(refuse, split(b))

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_product_that_is_not_finite_is_named(self, solve, value, number):
        matrix, b = problem(6)
        sound = Product(matrix)

        def product(vector):
            found = sound(vector)
            return found if sound.calls < number else never_finite(vector, value)

        with pytest.raises(FloatingPointError, match=f"product {number} with the Hessian .* is not finite"):
            solve(product, split(b))

    def test_nothing_to_solve_takes_no_product(self, solve):
        found = solve(refuse, split(torch.zeros(5, dtype=torch.float64)))
        assert not join(found).any()
        assert (found.residual, found.status) == (0.0, "converged")

    def test_the_right_hand_side_stays_as_it_was(self, solve):
        matrix, b = problem(4)
        given_, before = split(b), b.clone()
        found = solve(Product(matrix), given_)
        assert torch.equal(join(given_), before)
        assert {name: x.shape for name, x in found.items()} == {name: x.shape for name, x in given_.items()}


@pytest.mark.parametrize(("condition", "products"), [(1.0, 1), (1e2, 40), (1e4, 120)])
def test_in_single_precision_conjugate_gradients_stop_at_rounding(condition, products):
    """The recurrence's residual does; the true one is as far off as the condition number lets rounding be."""
    matrix, b = (t.float() for t in problem(20, condition))
    product = Product(matrix)
    found = conjugate_gradient(1000, tolerance=0.0)(product, split(b))
    assert join(found).dtype == torch.float32
    assert (found.status, product.calls <= products) == ("converged", True)
    assert found.residual <= torch.finfo(torch.float32).eps
    true = relative_residual(matrix.double(), split(join(found).double()), b.double())
    assert true < torch.finfo(torch.float32).eps * condition


@problems
@pytest.mark.parametrize("scale", [0.1, 1.0, 1.9])
@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_the_neumann_series_is_its_partial_sum(n, condition, scale, steps):
    matrix, b = problem(n, condition)
    product, step = Product(matrix), torch.eye(n, dtype=b.dtype) - scale * matrix
    expected = scale * sum(torch.linalg.matrix_power(step, j) @ b for j in range(steps))
    found = neumann(steps, scale)(product, split(b))
    assert (found.status, product.calls) == ("step limit", steps)
    assert torch.allclose(join(found), expected, rtol=1e-11, atol=1e-12 * float(expected.norm()))
    assert found.residual == pytest.approx(relative_residual(matrix, found, b), rel=1e-8, abs=1e-13)


@given(n=st.integers(2, 12), steps=st.integers(1, 30), scale=st.floats(0.01, 1.99), seed=st.integers(0, 1000))
def test_the_residual_of_the_neumann_series_falls_at_least_at_its_rate(n, steps, scale, seed):
    matrix, b = problem(n, 1e2, seed)
    rate = float((1 - scale * torch.linalg.eigvalsh(matrix)).abs().max())
    assert neumann(steps, scale)(Product(matrix), split(b)).residual <= rate**steps * (1 + 1e-9)


@pytest.mark.parametrize("scale", [0.1, 1.0, 1.9])
@pytest.mark.parametrize("number", [0, 3, 7])
def test_on_an_eigenvector_the_residual_falls_by_exactly_its_factor(scale, number):
    matrix, _ = problem(8)
    values, vectors = torch.linalg.eigh(matrix)
    factor = float(1 - scale * values[number])
    found = neumann(5, scale)(Product(matrix), split(vectors[:, number]))
    assert found.residual == pytest.approx(abs(factor) ** 5, rel=1e-9, abs=1e-14)
    expected = (1 - factor**5) / values[number] * vectors[:, number]
    assert torch.allclose(join(found), expected, rtol=1e-9, atol=1e-12)


def test_a_diverging_series_is_summed_to_where_its_residual_was_least():
    matrix, b = diagonal(1.0, 2.5), torch.tensor([1.0, 0.01], dtype=torch.float64)
    product = Product(matrix)
    # factors 0.1 and −1.25
    found = neumann(50, scale=0.9)(product, split(b))
    residuals = [
        relative_residual(matrix, sum_of_terms(matrix, b, 0.9, terms), b)
        for terms in range(product.calls + 1)
    ]
    best = min(range(len(residuals)), key=residuals.__getitem__)
    assert found.status == "diverged"
    assert product.calls == best + 1 < 50
    assert best > 1
    assert torch.allclose(join(found), join(sum_of_terms(matrix, b, 0.9, best)), rtol=1e-12)
    assert found.residual == pytest.approx(residuals[best], rel=1e-10)


def sum_of_terms(matrix, b, scale, terms):
    step = torch.eye(len(b), dtype=b.dtype) - scale * matrix
    return split(scale * sum((torch.linalg.matrix_power(step, j) @ b for j in range(terms)), 0 * b))


def test_a_series_that_diverges_at_once_gives_zeros():
    found = neumann(20, scale=3.0)(Product(diagonal(1.0, 1.0)), split(torch.ones(2, dtype=torch.float64)))
    assert not join(found).any()
    assert (found.residual, found.status) == (1.0, "diverged")


@pytest.mark.parametrize(
    ("solver", "options", "message"),
    [
        (neumann, {"steps": 0}, "steps must be at least 1, got 0"),
        (neumann, {"scale": 0.0}, "scale must be positive, got 0.0"),
        (neumann, {"scale": -0.1}, "scale must be positive, got -0.1"),
        (neumann, {"scale": math.nan}, "scale must be positive, got nan"),
        (conjugate_gradient, {"steps": -1}, "steps must be at least 1, got -1"),
        (conjugate_gradient, {"damping": -1e-3}, "damping must not be negative, got -0.001"),
        (conjugate_gradient, {"damping": math.nan}, "damping must not be negative, got nan"),
        (conjugate_gradient, {"tolerance": -1e-3}, "tolerance must not be negative, got -0.001"),
    ],
)
def test_options_out_of_range_are_refused(solver, options, message):
    with pytest.raises(ValueError, match=message):
        solver(**options)
