import pytest
import torch

from molweight.tokens.sampling import POOL, bucketed_batch, by_length

TEXTS, SIZE = 700, 6
LENGTHS = torch.randint(3, 200, (1000,), generator=torch.Generator().manual_seed(0))
CHOSEN = torch.randperm(1000, generator=torch.Generator().manual_seed(1))[:TEXTS]
PER_EPOCH = TEXTS // SIZE


def epoch_of(number: int, seed: int = 0) -> list[torch.Tensor]:
    steps = range(number * PER_EPOCH, (number + 1) * PER_EPOCH)
    return [bucketed_batch(LENGTHS, CHOSEN, SIZE, step, seed) for step in steps]


def test_an_epoch_shows_each_text_once_but_for_the_remainder():
    shown = torch.cat(epoch_of(2)).tolist()
    assert len(set(shown)) == len(shown) == PER_EPOCH * SIZE
    assert set(shown) < set(CHOSEN.tolist())


def test_the_remainder_differs_between_epochs():
    left = [set(CHOSEN.tolist()) - set(torch.cat(epoch_of(number)).tolist()) for number in range(3)]
    assert left[0] != left[1] != left[2]


def test_texts_of_a_batch_are_of_like_length():
    def padding(batches: list[torch.Tensor]) -> float:
        widths = sum(int(LENGTHS[b].max()) * len(b) for b in batches)
        return 1 - sum(int(LENGTHS[b].sum()) for b in batches) / widths

    shuffled = list(torch.cat(epoch_of(0)).sort().values.split(SIZE))
    assert padding(epoch_of(0)) < 0.05 < 0.3 < padding(shuffled)


def test_batches_of_all_lengths_are_mixed():
    means = torch.tensor([LENGTHS[batch].float().mean() for batch in epoch_of(0)])
    halves = means[: PER_EPOCH // 2].mean(), means[PER_EPOCH // 2 :].mean()
    assert abs(halves[0] - halves[1]) < 40
    assert (means.diff() > 0).float().mean() == pytest.approx(0.5, abs=0.15)


def test_each_epoch_and_each_seed_is_a_shuffle_of_its_own():
    epochs = {tuple(torch.cat(epoch_of(number, seed)).tolist()) for number in range(3) for seed in range(3)}
    assert len(epochs) == 9


def test_texts_of_a_small_set_meet_others_in_each_epoch():
    """Sorted as one pool, all epochs would have the same batches."""
    few = CHOSEN[: 20 * SIZE]

    def met(epoch: int) -> set[tuple[int, int]]:
        batches = [
            bucketed_batch(LENGTHS, few, SIZE, step, 0).tolist()
            for step in range(20 * epoch, 20 * epoch + 20)
        ]
        return {(a, b) for batch in batches for a in batch for b in batch if a < b}

    assert len(met(0) & met(1)) / len(met(0)) < 0.3


def test_any_step_can_be_asked_for_first():
    late = bucketed_batch(LENGTHS, CHOSEN, SIZE, 5 * PER_EPOCH + 3, 2)
    for step in range(0, 9 * PER_EPOCH, 13):
        bucketed_batch(LENGTHS, CHOSEN, SIZE, step, 2)
    assert torch.equal(bucketed_batch(LENGTHS, CHOSEN, SIZE, 5 * PER_EPOCH + 3, 2), late)


@pytest.mark.parametrize("count", [1, 5, SIZE, SIZE * POOL - 1, SIZE * POOL, SIZE * POOL + SIZE])
def test_pools_that_are_not_full(count):
    chosen, size = CHOSEN[:count], min(SIZE, count)
    batches = [bucketed_batch(LENGTHS, chosen, SIZE, step, 0) for step in range(count // size)]
    assert [len(batch) for batch in batches] == [size] * (count // size)
    assert len(torch.cat(batches).unique()) == size * (count // size)


def test_no_texts_make_no_batch():
    with pytest.raises(ValueError, match="no texts"):
        bucketed_batch(LENGTHS, CHOSEN[:0], SIZE, 0, 0)
    assert by_length(LENGTHS, CHOSEN[:0], SIZE) == []


def test_by_length_is_all_texts_in_ascending_length():
    batches = by_length(LENGTHS, CHOSEN, 64)
    assert [len(batch) for batch in batches] == [64] * 10 + [60]
    assert sorted(torch.cat(batches).tolist()) == sorted(CHOSEN.tolist())
    assert (LENGTHS[torch.cat(batches)].diff() >= 0).all()
