import pytest
import torch
from torch import nn

from molweight.tasks.gradients import cosines_with, encoder_rows, parameters, set_gradients


class Two(nn.Module):
    """An encoder of two parameters and a head."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.a = nn.Parameter(torch.zeros(2))
        self.encoder.b = nn.Parameter(torch.zeros(1, 2))
        self.head = nn.Parameter(torch.zeros(1))


FOUND = {
    "one": {"encoder.a": torch.tensor([1.0, 2.0]), "head": torch.tensor([3.0])},
    "two": {"encoder.a": torch.tensor([0.5, 0.0]), "encoder.b": torch.tensor([[4.0, 5.0]])},
}


def test_rows_hold_the_encoder_alone_and_zeros_where_a_loss_does_not_reach():
    rows = encoder_rows(FOUND, parameters(Two()))
    assert rows.tolist() == [[1, 2, 0, 0], [0.5, 0, 4, 5]]


def test_a_loss_outside_the_encoder_is_refused():
    with pytest.raises(ValueError, match="no gradient path to the encoder"):
        encoder_rows({"one": {"head": torch.ones(1)}}, parameters(Two()))


def test_gradients_are_the_weighted_sum_and_replace_those_before():
    module = Two()
    module.head.grad = torch.ones(1)
    set_gradients(parameters(module), FOUND, {"one": 2.0, "two": 10.0})
    assert module.encoder.a.grad.tolist() == [7, 4]
    assert module.encoder.b.grad.tolist() == [[40, 50]]
    assert module.head.grad.tolist() == [6]


def test_cosines_are_nothing_where_there_is_no_length():
    rows = torch.tensor([[1.0, 0.0], [-2.0, 2.0], [0.0, 0.0]])
    assert cosines_with(rows, torch.tensor([3.0, 0.0])).tolist() == pytest.approx([1, -(0.5**0.5), 0])
    assert cosines_with(rows, torch.zeros(2)).tolist() == [0, 0, 0]
