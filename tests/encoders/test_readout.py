import pytest
import torch

from molweight.encoders.readout import mean_over, mean_readout
from molweight.molecules.subgraphs import keep_atoms


def test_readout_is_the_mean_over_each_molecule(batch):
    h = torch.randn(batch.atoms, 4, dtype=torch.float64)
    expected = torch.stack([part.mean(0) for part in h.split(batch.sizes.tolist())])
    found = mean_readout(h, batch)
    assert found.dtype == torch.float64
    assert torch.allclose(found, expected, rtol=1e-13)


def test_a_molecule_without_atoms_gets_zeros(batch):
    part = keep_atoms(batch, batch.molecule != 1)
    found = mean_readout(torch.ones(part.atoms, 2), part)
    assert found[1].tolist() == [0, 0]
    assert found.sum(1).tolist() == [2, 0, 2, 2, 2, 2, 2]


def test_groups_need_not_be_in_order():
    h = torch.tensor([[1.0], [10.0], [3.0], [20.0]])
    assert mean_over(h, torch.tensor([2, 0, 2, 0]), 3).tolist() == [[15], [0], [2]]


def test_each_row_gets_its_share_of_the_gradient():
    h = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    group = torch.tensor([1, 1, 0, 1])
    assert torch.autograd.gradcheck(lambda h: mean_over(h, group, 3), h)
    mean_over(h, group, 3).sum().backward()
    assert h.grad[:, 0].tolist() == pytest.approx([1 / 3, 1 / 3, 1, 1 / 3])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_means_of_half_precision_are_taken_in_single(dtype):
    h = torch.full((1_000, 2), 0.1, dtype=dtype)
    means = mean_over(h, torch.ones(1_000, dtype=torch.int64), 2)
    assert means.dtype == torch.float32
    assert means[1, 0].item() == pytest.approx(float(h[0, 0]), rel=1e-5)
    assert means[0].tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_in_inference_the_mean_is_the_same(batch, dtype):
    h = torch.randn(batch.atoms, 5, dtype=torch.float64).to(dtype)
    expected = mean_readout(h, batch)
    with torch.inference_mode():
        found = mean_readout(h, batch)
    assert found.dtype == expected.dtype
    assert torch.allclose(found, expected, rtol=1e-6)
