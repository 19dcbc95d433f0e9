import numpy as np
import pytest

from molweight.text.baselines import ABSENT, STRENGTHS, Tfidf
from molweight.text.data import TextData
from molweight.text.metrics import TEXT_METRICS

ACCURACY, RMSE = TEXT_METRICS["accuracy"], TEXT_METRICS["rmse"]
COLOURS = ("red", "green", "blue")


def coloured(count: int, seed: int = 0) -> TextData:
    """Texts of eight filler words and the colour that is their class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    words = [f"w{i}" for i in range(30)]
    texts = tuple(" ".join([*rng.choice(words, 8), COLOURS[label]]) for label in labels)
    return TextData(texts, None, labels.astype(np.float32), COLOURS, "classification")


def parts(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.arange(count), np.arange(count, 2 * count), np.arange(2 * count, 3 * count)


def test_learns_the_word_that_matters_and_gives_log_probabilities():
    data, (train, valid, test) = coloured(180), parts(60)
    fitted = Tfidf.fit(data, train, valid, ACCURACY, 0)
    outputs = fitted.predict(data.take(test).texts)
    assert ACCURACY.of(data.labels[test], outputs) > 0.95
    assert outputs.dtype == np.float32
    assert np.exp(outputs).sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)


def test_labels_of_test_are_not_read():
    data, (train, valid, test) = coloured(90), parts(30)
    texts = data.take(test).texts
    seen = Tfidf.fit(data, train, valid, ACCURACY, 0).predict(texts)
    unseen = Tfidf.fit(data.hide_labels(test), train, valid, ACCURACY, 0).predict(texts)
    assert np.array_equal(seen, unseen)


def test_the_strength_is_the_best_on_validation_the_first_where_they_tie(monkeypatch):
    data, (train, valid, _) = coloured(180), parts(60)
    labels = data.labels.copy()
    labels[train[::2]] = (labels[train[::2]] + 1) % 3
    noisy = TextData(data.texts, None, labels, COLOURS, "classification")
    held_out = noisy.take(valid)

    def on_validation(fitted: Tfidf) -> float:
        return ACCURACY.of(held_out.labels, fitted.predict(held_out.texts))

    chosen = Tfidf.fit(noisy, train, valid, ACCURACY, 0)
    scores = {}
    for strength in STRENGTHS:
        monkeypatch.setattr("molweight.text.baselines.STRENGTHS", (strength,))
        scores[strength] = on_validation(Tfidf.fit(noisy, train, valid, ACCURACY, 0))
    assert len(set(scores.values())) > 1
    assert chosen.strength == max(scores, key=scores.__getitem__)
    assert on_validation(chosen) == max(scores.values())


def test_two_texts_are_told_apart_from_one_in_the_other_order():
    rows = [("a cat", "a dog"), ("a dog", "a cat")] * 20
    data = TextData(
        tuple(a for a, _ in rows),
        tuple(b for _, b in rows),
        np.array([0, 1] * 20, np.float32),
        ("ab", "ba"),
        "classification",
    )
    fitted = Tfidf.fit(data, np.arange(30), np.arange(30, 40), ACCURACY, 0)
    assert fitted.predict(["a cat", "a dog"], ["a dog", "a cat"]).argmax(axis=1).tolist() == [0, 1]


def test_marks_around_words_count():
    rows = ["<< x >> of [[ y ]]", "[[ x ]] of << y >>"] * 20
    data = TextData(tuple(rows), None, np.array([0, 1] * 20, np.float32), ("a", "b"), "classification")
    fitted = Tfidf.fit(data, np.arange(30), np.arange(30, 40), ACCURACY, 0)
    assert ACCURACY.of(data.labels, fitted.predict(rows)) == 1


def test_values_are_learned_by_ridge_regression():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 200)
    texts = tuple(" ".join(["good"] * v + ["bad"] * (4 - v)) for v in values)
    data = TextData(texts, None, values.astype(np.float32), (), "regression")
    fitted = Tfidf.fit(data, np.arange(100), np.arange(100, 150), RMSE, 0)
    outputs = fitted.predict(texts[150:])
    assert outputs.shape == (50, 1)
    assert RMSE.of(data.labels[150:], outputs) < 0.3
    assert fitted.strength == max(STRENGTHS)


def test_a_class_that_train_lacks_is_all_but_impossible():
    data = coloured(60)
    train = np.flatnonzero(data.labels != 2)
    outputs = Tfidf.fit(data, train, train, ACCURACY, 0).predict(data.texts)
    assert (outputs[:, 2] == ABSENT).all()
    assert np.isfinite(outputs).all()


def test_one_class_only_is_predicted_everywhere():
    data = coloured(60)
    train = np.flatnonzero(data.labels == 1)
    assert (Tfidf.fit(data, train, train, ACCURACY, 0).predict(["new"]).argmax(axis=1) == 1).all()


def test_without_validation_the_middle_strength_is_taken():
    data = coloured(60)
    assert Tfidf.fit(data, np.arange(60), np.arange(0), ACCURACY, 0).strength == 1
