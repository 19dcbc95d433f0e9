import pytest
import torch

from molweight.tasks.sampling import step_batch

MOLECULES = torch.arange(100, 124)


def epoch_of(number: int, seed: int = 0, size: int = 6) -> list[int]:
    steps = range(number * 4, number * 4 + 4)
    return torch.cat([step_batch(MOLECULES, size, step, seed) for step in steps]).tolist()


def test_an_epoch_that_divides_evenly_shows_every_molecule():
    assert sorted(epoch_of(3)) == MOLECULES.tolist()


def test_each_epoch_and_each_seed_is_a_shuffle_of_its_own():
    epochs = [epoch_of(number, seed) for number in range(3) for seed in range(3)]
    assert len({tuple(epoch) for epoch in epochs}) == 9
    assert MOLECULES.tolist() not in epochs


def test_the_remainder_of_an_epoch_is_not_always_the_same():
    left_out = [
        set(MOLECULES.tolist())
        - {int(m) for i in range(4) for m in step_batch(MOLECULES, 5, 4 * epoch + i, 0)}
        for epoch in range(30)
    ]
    assert {len(molecules) for molecules in left_out} == {4}
    assert set().union(*left_out) == set(MOLECULES.tolist())


def test_a_batch_larger_than_all_is_all():
    assert sorted(step_batch(MOLECULES, 1000, 7, 0).tolist()) == MOLECULES.tolist()


def test_any_step_can_be_asked_for_first():
    late = step_batch(MOLECULES, 6, 41, 2)
    for step in range(60):
        step_batch(MOLECULES, 6, step, 2)
    assert torch.equal(step_batch(MOLECULES, 6, 41, 2), late)


def test_no_molecules_make_no_batch():
    with pytest.raises(ValueError, match="no molecules"):
        step_batch(MOLECULES[:0], 6, 0, 0)
