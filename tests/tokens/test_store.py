import numpy as np
import pytest
import torch

from molweight.tokens.store import TokenStore, Vocabulary, collate, take

VOCABULARY = Vocabulary(size=100, mask=4, pad=9, special=(0, 1, 4, 9), max_length=20)


def store_of(lengths: list[int], vocabulary: Vocabulary = VOCABULARY) -> TokenStore:
    """Texts whose tokens are numbered through, from 10 on."""
    offsets = torch.tensor([0, *np.cumsum(lengths)])
    ids = torch.arange(10, 10 + sum(lengths), dtype=torch.int32)
    middles = torch.arange(len(lengths), dtype=torch.int32)
    return TokenStore(ids, (ids % 2).to(torch.uint8), ids - 10, middles, offsets, vocabulary, 0)


def test_a_batch_is_the_texts_asked_for_and_padding():
    store = store_of([3, 7, 1, 5])
    texts = [3, 1, 3]
    batch = collate(store, torch.tensor(texts))
    for row, text in enumerate(texts):
        part = slice(int(store.offsets[text]), int(store.offsets[text + 1]))
        length = part.stop - part.start
        assert batch.ids[row].tolist() == store.ids[part].tolist() + [9] * (8 - length)
        assert batch.real[row].tolist() == [True] * length + [False] * (8 - length)
        assert batch.segments[row].tolist() == store.segments[part].tolist() + [0] * (8 - length)
        assert batch.words[row].tolist() == store.words[part].tolist() + [-1] * (8 - length)
    assert batch.middles.tolist() == texts
    assert {t.dtype for t in (batch.ids, batch.segments, batch.words, batch.middles)} == {torch.int64}


@pytest.mark.parametrize(("longest", "width"), [(1, 8), (8, 8), (9, 16), (16, 16), (17, 20), (20, 20)])
def test_the_width_is_a_multiple_of_8_that_the_encoder_takes(longest, width):
    assert collate(store_of([2, longest]), torch.tensor([0, 1])).ids.shape == (2, width)


def test_what_is_last_in_the_store_can_be_collated():
    assert collate(store_of([2, 1]), torch.tensor([1])).ids.tolist() == [[12, *[9] * 7]]


def test_lengths():
    store = store_of([3, 7, 1])
    assert len(store) == 3
    assert store.lengths.tolist() == [3, 7, 1]


def test_rows_of_a_batch_by_number_or_by_choice():
    batch = collate(store_of([3, 7, 1]), torch.arange(3))
    by_number, by_choice = (
        take(batch, rows) for rows in (torch.tensor([0, 2]), torch.tensor([True, False, True]))
    )
    for one in (by_number, by_choice):
        assert torch.equal(one.ids, batch.ids[::2])
        assert one.middles.tolist() == [0, 2]
        assert one.texts == 2


def test_a_store_and_a_batch_on_a_device():
    store = store_of([3, 2]).to(torch.device("cpu"))
    assert store.vocabulary is VOCABULARY
    assert collate(store, torch.arange(2)).to(torch.device("cpu")).ids.shape == (2, 8)
