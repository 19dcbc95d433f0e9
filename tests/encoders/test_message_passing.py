import pytest
import torch
from torch.func import grad, jvp, vjp

from molweight.encoders.message_passing import neighbour_sum
from molweight.molecules.subgraphs import keep_atoms


def adjacency(batch) -> torch.Tensor:
    dense = torch.zeros(batch.atoms, batch.atoms, dtype=torch.float64)
    dense[batch.receiver, batch.neighbour] = 1
    return dense


def test_neighbour_sum_is_the_dense_product(batch, kernel):
    h = torch.randn(batch.atoms, 5, dtype=torch.float64)
    assert torch.allclose(neighbour_sum(h, batch, kernel), adjacency(batch) @ h, rtol=1e-14)


def test_kernels_agree(batch):
    pytest.importorskip("dgl", exc_type=ImportError)
    h = torch.randn(batch.atoms, 300)
    assert torch.allclose(
        neighbour_sum(h, batch, "torch"), neighbour_sum(h, batch, "dgl"), rtol=1e-6, atol=1e-6
    )


def test_neighbour_sum_can_be_differentiated_twice(batch, kernel):
    h = torch.randn(batch.atoms, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: neighbour_sum(h, batch, kernel).sin(), h)
    assert torch.autograd.gradgradcheck(lambda h: neighbour_sum(h, batch, kernel).sin(), h)


def test_the_gradient_is_that_of_the_dense_product(batch, kernel):
    h = torch.randn(batch.atoms, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(batch.atoms, 3, dtype=torch.float64)
    (neighbour_sum(h, batch, kernel) * weight).sum().backward()
    assert torch.allclose(h.grad, adjacency(batch).T @ weight, rtol=1e-13)


def test_neighbour_sum_works_under_function_transforms(batch, kernel):
    h, v = torch.randn(2, batch.atoms, 3, dtype=torch.float64)

    def loss(h):
        return neighbour_sum(h, batch, kernel).pow(3).sum()

    found = jvp(grad(loss), (h,), (v,))[1]
    a = adjacency(batch)
    assert torch.allclose(found, a @ (6 * (a @ h) * (a @ v)), rtol=1e-12)


def test_tangents_and_cotangents_are_products_with_the_adjacency(batch, kernel):
    h, v = torch.randn(2, batch.atoms, 3, dtype=torch.float64)

    def product(h):
        return neighbour_sum(h, batch, kernel)

    expected = adjacency(batch) @ v
    assert torch.allclose(jvp(product, (h,), (v,))[1], expected, rtol=1e-13)
    assert torch.allclose(vjp(product, h)[1](v)[0], expected, rtol=1e-13)


def test_gradients_that_are_not_contiguous_are_taken(batch, kernel):
    h = torch.randn(batch.atoms, 3, dtype=torch.float64, requires_grad=True)
    neighbour_sum(h, batch, kernel).sum().backward()  # an expanded scalar: every stride is zero
    assert torch.allclose(h.grad, adjacency(batch).sum(0)[:, None].expand(-1, 3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_dtype_is_kept(batch, dtype):
    h = torch.randint(-8, 8, (batch.atoms, 4)).to(dtype)  # whole numbers this small are exact in each
    found = neighbour_sum(h, batch)
    assert found.dtype == dtype
    assert torch.equal(found.double(), adjacency(batch) @ h.double())


def test_an_edited_batch_has_an_adjacency_of_its_own(batch, kernel):
    neighbour_sum(torch.ones(batch.atoms, 1), batch, kernel)  # keeps what the kernel needs with the batch
    part = keep_atoms(batch, batch.atom_type != 5)
    h = torch.randn(part.atoms, 2, dtype=torch.float64)
    assert torch.allclose(neighbour_sum(h, part, kernel), adjacency(part) @ h, rtol=1e-13)
