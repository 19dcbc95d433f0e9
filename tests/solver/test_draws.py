import torch
from hypothesis import given
from hypothesis import strategies as st

from molweight.solver.draws import mixed_seed, seeded

CPU = torch.device("cpu")


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_a_seed_is_one_that_torch_takes_whole(parts):
    assert 0 <= mixed_seed(*parts) < 2**32
    assert mixed_seed(*parts) == mixed_seed(*parts)


def test_neighbouring_runs_steps_and_purposes_draw_differently():
    seeds = {mixed_seed(run, step, use) for run in range(10) for step in range(100) for use in range(3)}
    assert len(seeds) == 3000
    assert mixed_seed(1, 23) != mixed_seed(12, 3)
    draws = {float(torch.rand((), generator=torch.Generator().manual_seed(seed))) for seed in seeds}
    assert len(draws) > 2990  # float32 has few enough values in [0, 1) for a chance meeting


def test_seeded_draws_are_repeated_and_leave_no_trace():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    drawn = []
    for _ in range(2):
        with seeded(1, CPU):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.equal(torch.rand(3), expected)
