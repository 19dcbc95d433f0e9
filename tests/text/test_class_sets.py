import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.errors import CheckpointError, ConfigError, DataError
from molweight.screening.conformal import CrossSets
from molweight.text.class_sets import CrossClassSets, Temperature


def drawn(texts=60, classes=3, members=4, seed=0):
    """Out-of-fold probabilities, labels, folds, and those that members give to other texts."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), texts)
    asked = rng.dirichlet(np.ones(classes), (members, 80))
    labels = np.arange(texts) % classes
    return probabilities, labels.astype(np.float32), np.arange(texts) // classes % members, asked


@pytest.mark.parametrize("classes", [2, 5])
def test_p_values_are_the_formula(classes):
    probabilities, labels, folds, asked = drawn(classes=classes)
    found = CrossClassSets.fit(probabilities, labels, folds).p_values(asked)
    for text in range(asked.shape[1]):
        for label in range(classes):
            same = [i for i in range(len(labels)) if labels[i] == label]
            below = sum(probabilities[i, label] <= asked[folds[i], text, label] for i in same)
            assert found[text, label] == pytest.approx((1 + below) / (len(same) + 1))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_of_two_classes_they_are_those_of_the_binary_sets(coverage):
    probabilities, labels, folds, asked = drawn(classes=2)
    binary = CrossSets.fit(probabilities[:, 1:], labels[:, None], folds)
    expected = binary.sets(asked[:, :, 1:], coverage)[:, 0]
    assert np.array_equal(CrossClassSets.fit(probabilities, labels, folds).sets(asked, coverage), expected)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_each_class_is_covered_however_rare(coverage):
    rng = np.random.default_rng(0)
    shares, hits, seen = np.array([0.7, 0.2, 0.1]), np.zeros(3), np.zeros(3)
    for _ in range(150):
        labels = rng.choice(3, 400, p=shares)
        logits = rng.normal(0, 1, (400, 3)) + 1.5 * np.eye(3)[labels]
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        folds = np.arange(300) % 5
        sets = CrossClassSets.fit(probabilities[:300], labels[:300].astype(np.float32), folds)
        inside = sets.sets(np.repeat(probabilities[None, 300:], 5, axis=0), coverage)
        for label in range(3):
            mine = labels[300:] == label
            hits[label] += inside[mine, label].sum()
            seen[label] += mine.sum()
    # the sets of one trial share their calibration texts, of the rarest class about 30
    spread = np.sqrt(coverage * (1 - coverage) * (1 / seen + 1 / (150 * 300 * shares)))
    assert (hits / seen >= coverage - 4 * spread).all()
    assert (hits / seen <= coverage + 0.04 + 4 * spread).all()


def test_a_class_with_too_few_texts_is_in_every_set():
    probabilities, labels, folds, asked = drawn()
    labels[:] = 0
    labels[:8] = 1  # 1 / 0.1 - 1 = 9 are needed
    asked[:, 0] = 0  # unlike all that were seen
    sets = CrossClassSets.fit(probabilities, labels, folds).sets(asked, 0.9)
    assert sets[:, 1].all()
    assert not sets[0, 0]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_temperature_is_found_again(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) < rng.random((20_000, 1))).sum(1)
    fitted = Temperature.fit((logits * temperature).astype(np.float32), labels.astype(np.float32))
    assert fitted.value[0] == pytest.approx(temperature, rel=0.05)


@given(st.floats(0.05, 20), st.integers(0, 1000))
def test_no_temperature_has_less_loss_and_the_order_stays(other, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (30, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 30).astype(np.float32)
    fitted = Temperature.fit(logits, labels)

    def loss(temperature):
        chosen = temperature.apply(logits)[np.arange(30), labels.astype(int)]
        return -np.log(np.maximum(chosen, 1e-300)).mean()

    assert loss(fitted) <= loss(Temperature(np.array([other]))) + 1e-6
    assert np.array_equal(fitted.apply(logits).argsort(1), logits.argsort(1))
    assert fitted.apply(logits).sum(1) == pytest.approx(np.ones(30))


def test_outputs_that_are_not_finite_are_refused():
    probabilities, labels, folds, _ = drawn()
    probabilities[3, int(labels[3])] = np.nan
    with pytest.raises(DataError, match="out-of-fold prediction is nan"):
        CrossClassSets.fit(probabilities, labels, folds)
    with pytest.raises(DataError, match="out-of-fold prediction is nan"):
        Temperature.fit(probabilities.astype(np.float32), labels)


@pytest.mark.parametrize("coverage", [0.4, 1.0])
def test_impossible_coverage_is_refused(coverage):
    probabilities, labels, folds, asked = drawn()
    with pytest.raises(ConfigError, match=r"from 0\.5 to below 1"):
        CrossClassSets.fit(probabilities, labels, folds).sets(asked, coverage)


def test_members_that_are_too_few_are_refused():
    probabilities, labels, folds, asked = drawn()
    with pytest.raises(ValueError, match=r"must be \[4, texts, classes\]"):
        CrossClassSets.fit(probabilities, labels, folds).p_values(asked[:3])


def test_both_come_back_from_arrays_and_damage_is_refused():
    probabilities, labels, folds, asked = drawn()
    sets = CrossClassSets.fit(probabilities, labels, folds)
    again = CrossClassSets.from_arrays(sets.arrays())
    assert np.array_equal(again.p_values(asked), sets.p_values(asked))
    assert Temperature.from_arrays(Temperature(np.array([2.0])).arrays()).value[0] == 2
    for name, wrong in (("labels", -1), ("folds", -1), ("out_of_fold", np.nan)):
        arrays = sets.arrays()
        arrays[name] = np.full_like(arrays[name], wrong)
        with pytest.raises(CheckpointError, match=name):
            CrossClassSets.from_arrays(arrays)
    with pytest.raises(CheckpointError, match="no temperature"):
        Temperature.from_arrays({"value": np.array([0.0])})
