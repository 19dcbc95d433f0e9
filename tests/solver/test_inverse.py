import pytest
import torch
from closed_form import dense, join, split

from molweight.solver.inverse import INVERSES, as_inverse, identity


def refuse(vector):
    raise AssertionError("identity needs no product")


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
    generator, calls = torch.Generator().manual_seed(0), []
    root = torch.randn(7, 7, generator=generator, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(7, dtype=torch.float64)
    expected = torch.randn(7, generator=generator, dtype=torch.float64)

    def matvec(vector):
        calls.append(vector)
        return split(matrix @ join(vector))

    assert torch.allclose(join(dense(matvec, split(matrix @ expected))), expected, rtol=1e-10)
    assert len(calls) == 7
