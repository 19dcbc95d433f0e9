"""Objectives on a padded batch against the same objectives on the unpadded one, in double precision."""

import pytest
import torch
from described import described_store
from hypothesis import example, given, settings
from hypothesis import strategies as st
from padded import SMILES, choices, pair, same_choices, well_conditioned
from torch import nn

from molweight.encoders.gin import GIN
from molweight.objectives import GRAPH_OBJECTIVES

TIGHT = {"rtol": 1e-10, "atol": 1e-10}
STORE = described_store(SMILES)
WIDTH = 10


def modules(name: str) -> nn.ModuleDict:
    torch.manual_seed(0)
    made = nn.ModuleDict(
        {"encoder": GIN(3, WIDTH, kernel="torch"), "objective": GRAPH_OBJECTIVES[name](WIDTH)}
    )
    if name == "context_prediction":
        made["objective"].context.kernel = "torch"
    return well_conditioned(made.double())


@pytest.mark.parametrize("name", GRAPH_OBJECTIVES)
@settings(max_examples=15)
@given(choices(), st.integers(0, 3))
@example(([1], 1, 0), 0)  # a lone atom
@example(([12], 3, 3), 0)  # no pair that is not bonded
@example(([2, 2], 3, 3), 0)  # no bond at all
@example(([3, 1, 5], 2, 1), 0)
def test_losses_gradients_and_statistics_are_those_of_the_unpadded_batch(name, choice, seed):
    results = []
    for batch in pair(STORE, choice):
        found = modules(name)
        with same_choices(seed):
            loss = found["objective"](found["encoder"], batch, torch.Generator())
        loss.backward()
        buffers = [b.double() for b in found.buffers()]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in found.parameters()]
        results.append([loss.detach(), *gradients, *buffers])
    for plain, padded in zip(*results, strict=True):
        assert torch.allclose(plain, padded, **TIGHT)
