"""Each objective on texts against its definition, in plain Python."""

import math

import pytest
import torch
import torch.nn.functional as F

from molweight.encoders.transformer import mean_pool
from molweight.errors import ConfigError
from molweight.objectives import TEXT_OBJECTIVES, find_objectives, text_objectives
from molweight.objectives.text.bag_of_words import BagOfWords
from molweight.objectives.text.contrastive import SentenceContrast, in_batch_loss
from molweight.objectives.text.masked_language_modelling import MaskedLanguageModelling
from molweight.objectives.text.masking import _ordinary, mask_tokens
from molweight.objectives.text.sentence_order import SentenceOrder, choose_half, swap_halves
from molweight.objectives.text.shared_view import SHARING, SharedView
from molweight.solver.draws import seeded
from molweight.tokens.store import Vocabulary

TEXTS = ["The films were good. It binds!", "weak", "a zqx story of 2 cells, and the end of time", "no yes"]
CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.5, 1.0])
@pytest.mark.parametrize("whole_word", [False, True], ids=["tokens", "words"])
def test_its_quota_of_each_text_is_hidden(batch_of, rate, whole_word):
    batch = batch_of(TEXTS, TEXTS[::-1])
    view, chosen = mask_tokens(batch, rate, whole_word, generator())
    assert not chosen[batch.words < 0].any()
    for row in range(batch.texts):
        words = batch.words[row][chosen[row]].tolist()
        units = len({*words}) if whole_word else len(words)
        there = batch.words[row][batch.words[row] >= 0]
        total = len(there.unique()) if whole_word else len(there)
        assert units == max(1, round(rate * total))
        if whole_word:
            assert all(chosen[row][batch.words[row] == word].all() for word in words)
    assert torch.equal(view.ids[~chosen], batch.ids[~chosen])
    for name in ("real", "segments", "words", "middles"):
        assert torch.equal(getattr(view, name), getattr(batch, name))


@pytest.mark.parametrize("whole_word", [False, True], ids=["tokens", "words"])
def test_every_token_or_word_is_as_likely_to_be_hidden(batch_of, whole_word):
    batch = batch_of(TEXTS[2:3])
    hits = sum(mask_tokens(batch, 0.3, whole_word, generator(n))[1].double() for n in range(2000)) / 2000
    hits = hits[batch.words >= 0]
    assert torch.allclose(hits, hits.mean().expand_as(hits), atol=0.045)


def test_what_is_shown_in_place_of_a_hidden_token(batch_of):
    batch = batch_of([text * 3 for text in TEXTS])
    masked = same = 0
    shown = []
    for seed in range(400):
        view, chosen = mask_tokens(batch, 0.5, False, generator(seed))
        ids, true = view.ids[chosen], batch.ids[chosen]
        masked, same = masked + int((ids == 4).sum()), same + int((ids == true).sum())
        shown += ids[(ids != 4) & (ids != true)].tolist()
    total = masked + same + len(shown)
    assert masked / total == pytest.approx(0.8, abs=0.01)
    assert same / total == pytest.approx(0.1, abs=0.01)
    counts = torch.bincount(torch.tensor(shown), minlength=182)
    assert counts[:5].tolist() == [0] * 5  # no special token
    assert (counts[5:] > 0).all()
    assert counts[5:].max() < 3 * len(shown) / 177


def test_special_ids_are_skipped_wherever_they_lie():
    vocabulary = Vocabulary(size=10, mask=9, pad=1, special=(0, 1, 4, 5, 9), max_length=8)
    assert _ordinary(torch.linspace(0, 0.999, 5), vocabulary).tolist() == [2, 3, 6, 7, 8]


@pytest.mark.parametrize("kind", [MaskedLanguageModelling, BagOfWords])
@pytest.mark.parametrize("whole_word", [False, True], ids=["tokens", "words"])
def test_the_loss_of_hidden_tokens(batch_of, recorder, kind, whole_word):
    batch, encoder = batch_of(TEXTS), recorder(torch.randn(182, 6, dtype=torch.float64))
    objective = kind(encoder, 0.3, whole_word).double()
    with torch.no_grad():
        objective.head.bias.normal_()
        loss = objective(encoder, batch, generator(7))
        view, chosen = mask_tokens(batch, 0.3, whole_word, generator(7))
        terms = []
        for row, place in chosen.nonzero().tolist():
            h = encoder.embeddings[view.ids[row]]
            h = h[place] if kind is MaskedLanguageModelling else h[batch.real[row]].mean(dim=0)
            linear, _, norm = objective.head.layer
            h = F.layer_norm(F.gelu(linear.weight @ h + linear.bias), (6,), norm.weight, norm.bias)
            scores = [float(e @ h + b) for e, b in zip(encoder.embeddings, objective.head.bias, strict=True)]
            most = max(scores)
            total = most + math.log(sum(math.exp(score - most) for score in scores))
            terms.append(total - scores[int(batch.ids[row, place])])
    assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-10)


def test_the_decoder_is_tied_to_the_encoder(loaded, batch_of):
    objective = MaskedLanguageModelling(loaded.encoder)
    assert sum(p.numel() for p in objective.parameters()) == 32 * 32 + 3 * 32 + 182
    before = objective(loaded.encoder, batch_of(TEXTS), generator())
    with torch.no_grad():
        loaded.encoder.embeddings[100:] *= 2
    assert objective(loaded.encoder, batch_of(TEXTS), generator()) != before


def test_contrast_against_its_definition():
    z = torch.randn(8, 5, dtype=torch.float64)
    total = 0.0
    for i in range(4):
        scores = [float(F.cosine_similarity(z[i], z[4 + j], dim=0)) / 0.05 for j in range(4)]
        total -= scores[i] - math.log(sum(math.exp(score) for score in scores))
    assert in_batch_loss(z, 0.05).item() == pytest.approx(total / 4, rel=1e-12)


def test_contrast_is_lowest_where_each_view_is_nearest_its_own():
    z = torch.eye(4, dtype=torch.float64)
    assert in_batch_loss(torch.cat([z, z]), 0.05) < 1e-7
    assert in_batch_loss(torch.cat([z, z.roll(1, 0)]), 0.05) > 19
    assert in_batch_loss(torch.ones(8, 4), 0.05).item() == pytest.approx(math.log(4), rel=1e-6)


def test_the_views_of_contrast_are_the_batch_twice_under_different_dropout(loaded, batch_of):
    batch, encoder = batch_of(TEXTS), loaded.encoder.train()
    seen = []

    def watched(views):
        seen.append((views, encoder(views)))
        return seen[-1][1]

    SentenceContrast(encoder)(watched, batch, generator())
    [(views, hidden)] = seen
    assert torch.equal(views.ids, batch.ids.repeat(2, 1))
    assert not torch.allclose(hidden[:4], hidden[4:], atol=1e-3)


def test_contrast_of_one_text_is_nothing_to_learn(loaded, batch_of):
    objective = SentenceContrast(loaded.encoder)
    loss = objective(loaded.encoder, batch_of(TEXTS[:1]), generator())
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for p in loaded.encoder.parameters())


@pytest.mark.parametrize("pairs", [None, TEXTS[::-1]], ids=["texts", "pairs"])
def test_halves_change_places(batch_of, pairs):
    batch = batch_of(TEXTS, pairs)
    swapped = torch.tensor([True, True, True, False])
    view = swap_halves(batch, swapped)
    for name in ("ids", "words"):
        for row in range(3):
            tokens, middle = getattr(batch, name)[row].tolist(), int(batch.middles[row]) or 1
            end = 1 + int(((batch.words[row] >= 0) & (batch.segments[row] == 0)).sum())
            expected = tokens[:1] + tokens[middle:end] + tokens[1:middle] + tokens[end:]
            assert getattr(view, name)[row].tolist() == expected
        assert torch.equal(getattr(view, name)[3], getattr(batch, name)[3])
    assert torch.equal(view.segments, batch.segments)
    assert not torch.equal(view.ids[0], batch.ids[0])


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_half_is_half_and_each_is_as_likely(count):
    drawn = torch.stack([choose_half(count, generator(seed)) for seed in range(1000)])
    assert set(drawn.sum(dim=1).tolist()) == {count // 2, -(-count // 2)}
    assert torch.allclose(
        drawn.double().mean(dim=0), torch.full((count,), 0.5, dtype=torch.float64), atol=0.06
    )


def test_sentence_order_is_asked_of_texts_with_two_halves(batch_of, recorder):
    batch, encoder = batch_of(TEXTS), recorder(torch.randn(182, 6, dtype=torch.float64))
    assert batch.middles.gt(0).tolist() == [True, False, True, True]
    objective = SentenceOrder(encoder).double()
    loss = objective(encoder, batch, generator(3))
    [view] = encoder.seen
    original = batch.ids[batch.middles > 0]
    terms = []
    for row in range(3):
        answer = not torch.equal(view.ids[row], original[row])
        pooled = encoder.embeddings[view.ids[row]][view.real[row]].mean(dim=0)
        score = float((objective.head.weight[0] @ pooled + objective.head.bias[0]).detach())
        terms.append(math.log1p(math.exp(-score if answer else score)))
    assert loss.item() == pytest.approx(sum(terms) / 3, rel=1e-10)


def test_without_two_halves_there_is_nothing_to_learn(loaded, batch_of):
    loss = SentenceOrder(loaded.encoder)(loaded.encoder, batch_of(["weak", "no"]), generator())
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and (p.grad == 0).all() for p in loaded.encoder.parameters())


@pytest.mark.parametrize("whole_word", [False, True], ids=["tokens", "words"])
def test_a_shared_view_changes_no_loss_and_saves_a_pass(loaded, batch_of, whole_word):
    encoder, batch = loaded.encoder.train(), batch_of(TEXTS)
    objectives = text_objectives(encoder, SHARING)
    for objective in objectives.values():
        objective.whole_word = whole_word
    passes = []
    encoder.register_forward_hook(lambda *_: passes.append(1))

    def losses(seen) -> list[torch.Tensor]:
        found = []
        for objective in objectives.values():
            with seeded(1, CPU):
                found.append(objective(seen, batch, generator(2)))
        return found

    def gradient(found) -> torch.Tensor:
        grads = torch.autograd.grad(sum(found), list(encoder.parameters()))
        return torch.cat([g.flatten() for g in grads])

    alone = losses(encoder)
    assert len(passes) == 2
    shared = losses(SharedView(encoder))
    assert len(passes) == 3
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))
    assert torch.allclose(gradient(alone), gradient(shared), atol=1e-6)


def test_a_view_that_differs_is_encoded_anew(loaded, batch_of):
    batch, shared = batch_of(TEXTS), SharedView(loaded.encoder)
    for seed in (1, 2):
        view, _ = mask_tokens(batch, 0.3, False, generator(seed))
        assert torch.equal(shared(view), loaded.encoder(view))
    assert shared.embeddings is loaded.encoder.embeddings
    pooled = mean_pool(shared(batch), batch)
    assert torch.equal(pooled, mean_pool(loaded.encoder(batch), batch))


def test_objectives_are_found_by_name(loaded):
    assert find_objectives("contrastive, bag_of_words", TEXT_OBJECTIVES) == ("contrastive", "bag_of_words")
    assert list(text_objectives(loaded.encoder)) == list(TEXT_OBJECTIVES)
    with pytest.raises(ConfigError, match="unknown objective 'edge_prediction'; there are masked_language"):
        find_objectives("edge_prediction", TEXT_OBJECTIVES)
