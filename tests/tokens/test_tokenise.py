import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molweight.encoders.transformer_checkpoints import load_text_encoder
from molweight.errors import ConfigError, DataError
from molweight.tokens import tokenise as module
from molweight.tokens.tokenise import Tokeniser

TEXTS = [
    "The films were good. It binds!",
    "weak",
    "a story of 2 cells, and the end",
    "The É. acid-binding gene",
]
PAIRS = ["not very good", "The plot is awful. No.", "x", "yes yes yes yes yes yes"]


@pytest.fixture(scope="module")
def tokeniser(tiny_text) -> Tokeniser:
    return load_text_encoder(tiny_text).tokeniser


def column(store, name: str, text: int) -> list[int]:
    return getattr(store, name)[int(store.offsets[text]) : int(store.offsets[text + 1])].tolist()


@pytest.mark.parametrize("pairs", [None, PAIRS], ids=["texts", "pairs"])
@pytest.mark.parametrize("max_length", [64, 9])
def test_the_tokens_are_those_of_transformers(tokeniser, pairs, max_length):
    store = tokeniser.tokenise(TEXTS, pairs, max_length)
    expected = tokeniser.fast(TEXTS, pairs, truncation=True, max_length=max_length)
    assert [column(store, "ids", n) for n in range(4)] == expected["input_ids"]
    assert [column(store, "segments", n) for n in range(4)] == expected["token_type_ids"]


def test_words_are_counted_on_through_a_pair(tokeniser):
    store = tokeniser.tokenise(["The films"], ["zq bad"], 64)
    tokens = tokeniser.fast.convert_ids_to_tokens(store.ids)
    assert tokens == ["[CLS]", "the", "film", "##s", "[SEP]", "z", "##q", "bad", "[SEP]"]
    assert store.words.tolist() == [-1, 0, 1, 1, -1, 2, 2, 3, -1]
    assert store.segments.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("The film is bad. It is a very good book.", "the film is bad ."),
        ("Yes! No? It is a good story about a protein.", "yes ! no ?"),
        ('"It is bad." It is the end.', '" it is bad . "'),
        ("bad good great", "bad"),
        ("bad good", "bad"),
        ("films good", "film ##s"),
        ("film.good bad", "film ."),
        ("film is bad and weak.good end", "film is bad and"),  # no sentence ends where no space follows
        ("The end is weak. ", "the end"),  # nor is there a second half behind the last full stop
        ("films", None),
        ("a", None),
    ],
)
def test_the_middle_is_a_sentences_end_or_else_a_words(tokeniser, text, before):
    store = tokeniser.tokenise([text], None, 64)
    middle = int(store.middles[0])
    if before is None:
        assert middle == 0
    else:
        assert " ".join(tokeniser.fast.convert_ids_to_tokens(store.ids[1:middle])) == before


def test_the_middle_is_within_what_was_kept_of_the_first_text(tokeniser):
    text = "the film is bad and weak and awful. It is good."
    store = tokeniser.tokenise([text], ["it is not the time. It is the end."], 10)
    assert store.truncated == 1
    first = (store.segments == 0) & (store.words >= 0)
    assert first[int(store.middles[0])]
    assert first[int(store.middles[0]) - 1]


def test_texts_that_lost_tokens_are_counted(tokeniser):
    lengths = tokeniser.tokenise(TEXTS, None, 64).lengths
    store = tokeniser.tokenise(TEXTS, None, 8)
    assert store.truncated == int((lengths > 8).sum()) > 0
    assert torch.equal(store.lengths, lengths.clamp(max=8))
    assert tokeniser.tokenise(TEXTS, None, 64).truncated == 0


def test_names_of_special_tokens_are_plain_text(tokeniser):
    store = tokeniser.tokenise(["a [MASK] b [SEP] [PAD]"], None, 64)
    special = torch.isin(store.ids, torch.tensor(tokeniser.vocabulary.special))
    assert special.nonzero()[:, 0].tolist() == [0, len(store.ids) - 1]


def test_the_tokeniser_is_left_as_it_was(tokeniser):
    before = tokeniser.fast.backend_tokenizer.to_str()
    tokeniser.tokenise(TEXTS, PAIRS, 9)
    with pytest.raises(DataError):
        tokeniser.tokenise(["\u200b"], None, 9)
    assert tokeniser.fast.backend_tokenizer.to_str() == before
    assert not tokeniser.fast.backend_tokenizer.encode_special_tokens


def test_the_size_of_a_chunk_does_not_matter(tokeniser, monkeypatch):
    whole = tokeniser.tokenise(TEXTS, PAIRS, 20)
    monkeypatch.setattr(module, "CHUNK", 3)
    parts = tokeniser.tokenise(TEXTS, PAIRS, 20)
    for name in ("ids", "segments", "words", "middles", "offsets"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (["a", ""], None, "text 2 is ''"),
        (["a", "b", " \t\n"], None, r"text 3 is ' \\t\\n'"),
        (["a", "b"], ["a", " "], "partner of text 2"),
        (["a", "b"], ["a"], "2 texts have 1 partners"),
        (["a", "\u200b"], None, "text 2: no character"),
        (["a", "b"], ["a", "\u200b"], "text 2: no character"),
    ],
)
def test_texts_that_hold_nothing(tokeniser, texts, pairs, message):
    with pytest.raises(DataError, match=message):
        tokeniser.tokenise(texts, pairs, 64)


@pytest.mark.parametrize("max_length", [-1, 0, 2, 65])
def test_lengths_that_cannot_be(tokeniser, max_length):
    with pytest.raises(ConfigError, match=f"a maximum of {max_length} tokens: choose one from 3 to 64"):
        tokeniser.tokenise(["a"], None, max_length)


def test_the_least_length_of_a_pair_leaves_a_token_of_each(tokeniser):
    store = tokeniser.tokenise(["good bad"], ["yes no"], 5)
    assert store.words.tolist() == [-1, 0, -1, 1, -1]
    with pytest.raises(ConfigError, match="from 5 to 64"):
        tokeniser.tokenise(["a"], ["b"], 4)


def test_no_texts_are_an_empty_store(tokeniser):
    store = tokeniser.tokenise([], None, 64)
    assert len(store) == len(store.ids) == 0


@given(st.lists(st.text(min_size=1).map(lambda text: "a" + text), min_size=1, max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_has_dense_words_and_a_middle_between_two_of_them(tokeniser, texts):
    store = tokeniser.tokenise(texts, None, 16)
    for number in range(len(texts)):
        words = column(store, "words", number)
        inside = words[1:-1]
        assert words[0] == words[-1] == -1
        assert sorted(set(inside)) == list(range(max(inside) + 1))
        assert inside == sorted(inside)
        middle = int(store.middles[number])
        assert (middle == 0) == (max(inside) == 0)
        assert middle == 0 or words[middle] == words[middle - 1] + 1
