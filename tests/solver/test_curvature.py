import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from molweight.solver.curvature import (
    Composed,
    axpy,
    dot,
    finite_difference_product,
    frozen_statistics,
    gauss_newton,
    hessian_vector_product,
    norm,
    scaled,
)
from molweight.solver.inverse import Solution


def test_products_agree_with_the_dense_hessian():
    torch.manual_seed(0)
    x, v = torch.randn(2, 7, dtype=torch.float64)

    def loss(p):
        return (p["x"].sin() * p["x"].roll(1).exp()).sum()

    expected = torch.func.hessian(lambda x: loss({"x": x}))(x) @ v
    assert torch.allclose(hessian_vector_product(loss, {"x": x}, {"x": v})["x"], expected, rtol=1e-12)


@pytest.mark.parametrize("step", [1e-1, 1e-2, 1e-3])
def test_finite_differences_of_a_quartic_are_off_by_the_known_term(step):
    """∇(x⁴) = 4x³, so the central difference along v is 12x²v + 4·step²·v³, exactly."""
    torch.manual_seed(0)
    x, v = torch.randn(2, 7, dtype=torch.float64)
    found = finite_difference_product(lambda p: (p["x"] ** 4).sum(), {"x": x}, {"x": v}, step)["x"]
    assert torch.allclose(found, 12 * x**2 * v + 4 * step**2 * v**3, rtol=1e-9)


def test_finite_differences_across_a_kink_grow_as_the_step_shrinks():
    """Half a step beyond the kink of relu(x)²/2 + relu(x): the gradient's jump of 1 is divided by 2·step."""
    p, v = {"x": torch.tensor(0.0, dtype=torch.float64)}, {"x": torch.tensor(1.0, dtype=torch.float64)}

    def product(step):
        at = {"x": p["x"] + step / 2}
        return finite_difference_product(lambda q: q["x"].relu() ** 2 / 2 + q["x"].relu(), at, v, step)["x"]

    assert [float(product(step)) for step in (1e-1, 1e-3, 1e-5)] == pytest.approx(
        [0.75 + 1 / (2 * step) for step in (1e-1, 1e-3, 1e-5)]
    )


def test_products_take_what_a_solver_gives_back():
    composed = Composed(lambda p: p["x"].square(), lambda out: out.square().sum() / 2)
    p, v = {"x": torch.tensor([1.0, 2.0])}, Solution({"x": torch.tensor([3.0, 4.0])})
    assert hessian_vector_product(composed, p, v)["x"].tolist() == [18, 96]
    assert gauss_newton(composed, p)(v)["x"].tolist() == [12, 64]


def test_arithmetic_on_dictionaries():
    a = {"u": torch.tensor([1.0, 2.0]), "v": torch.tensor([[2.0]])}
    b = {"u": torch.tensor([3.0, 0.0]), "v": torch.tensor([[1.0]])}
    assert dot(a, b) == 5
    assert norm(a) == 3
    assert axpy(2.0, a, b)["u"].tolist() == [5, 4]
    assert scaled(3.0, a)["v"].item() == 6


def test_half_precision_is_accumulated_in_single():
    a = {"u": torch.full((100_000,), 0.1, dtype=torch.bfloat16)}
    assert dot(a, a).dtype == torch.float32
    assert float(dot(a, a)) == pytest.approx(1_000, rel=0.01)


def test_frozen_statistics_use_the_batch_and_move_nothing():
    bn = nn.BatchNorm1d(3)
    before = {name: value.clone() for name, value in bn.state_dict().items()}
    x = 5 + 2 * torch.randn(50, 3)
    with frozen_statistics(bn):
        y = bn(x)
    assert y.mean(0).abs().max() < 1e-5
    assert all(torch.equal(value, before[name]) for name, value in bn.state_dict().items())
    bn(x)
    assert not torch.equal(bn.running_mean, before["running_mean"])


def test_frozen_statistics_thaw_after_an_error():
    bn = nn.BatchNorm1d(3)
    with pytest.raises(RuntimeError), frozen_statistics(bn):
        raise RuntimeError
    assert bn.track_running_stats


def test_gauss_newton_agrees_with_its_dense_matrix():
    torch.manual_seed(1)
    w, v, x = torch.randn(3, 4, 3, dtype=torch.float64)
    x, y = x[:3], torch.randn(3, 4, dtype=torch.float64)
    composed = Composed(lambda p: torch.tanh(x @ p["w"].T), lambda out: (out - y).pow(4).sum())
    outputs = composed.outputs({"w": w})
    jacobian = torch.func.jacrev(lambda w: composed.outputs({"w": w}).reshape(-1))(w).reshape(12, 12)
    outer = torch.func.hessian(lambda out: composed.loss(out.reshape(3, 4)))(outputs.reshape(-1))
    expected = (jacobian.T @ outer @ jacobian @ v.reshape(-1)).reshape(4, 3)
    assert torch.allclose(gauss_newton(composed, {"w": w})({"w": v})["w"], expected, rtol=1e-10)
    assert composed({"w": w}) == composed.loss(outputs)


def test_gauss_newton_is_the_hessian_of_a_linear_network():
    torch.manual_seed(2)
    w, v = torch.randn(2, 5, dtype=torch.float64)
    x, y = torch.randn(8, 5, dtype=torch.float64), torch.randint(0, 2, (8,)).double()
    composed = Composed(lambda p: x @ p["w"], lambda out: binary_cross_entropy_with_logits(out, y))
    found = gauss_newton(composed, {"w": w})({"w": v})["w"]
    assert torch.allclose(found, hessian_vector_product(composed, {"w": w}, {"w": v})["w"], rtol=1e-10)


def test_gauss_newton_has_no_negative_curvature_where_the_hessian_has():
    composed = Composed(lambda p: p["x"].square(), lambda out: (out - 4).square().sum())
    x, v = {"x": torch.tensor([0.5], dtype=torch.float64)}, {"x": torch.ones(1, dtype=torch.float64)}
    assert hessian_vector_product(composed, x, v)["x"] < 0
    assert gauss_newton(composed, x)(v)["x"] == pytest.approx(2.0)
