from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molweight.errors import CheckpointError
from molweight.molecules.store import store_from_smiles
from molweight.screening import trees as trees_module
from molweight.screening.trees import COLUMNS, LEAF, TreeArrays
from molweight.tasks import baselines, boosting
from molweight.tasks.baselines import EachTask, RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.data import TaskData

STARTS, MIDDLES, ENDS = ("CCO", "NCC", "c1ccccc1", "FC"), ("C", "CC(C)", "CN", "C(=O)"), ("C", "O", "S", "Cl")
SMILES = ["".join(parts) for parts in product(STARTS, MIDDLES, ENDS)]


def bits_and_labels(seed, molecules, tasks, kind, columns=2048):
    """Random sparse bits, descriptors behind them where there is room, labels by some; a tenth is missing."""
    rng = np.random.default_rng(seed)
    bits = np.zeros((molecules, 2048), np.uint8)
    bits[:, rng.choice(2048, 40, replace=False)] = rng.random((molecules, 40)) < 0.3
    if columns > 2048:
        described = rng.normal(size=(molecules, columns - 2048)).astype(np.float16).astype(np.float32)
        bits = np.hstack([bits, described * (rng.random(columns - 2048) < 0.1)])
    labels = bits @ rng.normal(size=(columns, tasks)) + 0.1 * rng.normal(size=(molecules, tasks))
    if kind == "classification":
        labels = labels > np.quantile(labels, 0.7)
    labels = labels.astype(np.float32)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    return bits, labels


def forest_of(bits, labels, kind, trees=7, **options):
    """A fitted forest on one thread, whose order of addition is fixed."""
    forests, constants = [], []
    for column in labels.T:
        present = ~np.isnan(column)
        constants.append(float(column[present].mean()) if present.any() else 0.0)
        made = RandomForestClassifier if kind == "classification" else RandomForestRegressor
        weights = {"class_weight": "balanced"} if kind == "classification" else {}
        forest = made(trees, random_state=0, **weights, **options)
        learnable = len(np.unique(column[present])) > 1
        forests.append(forest.fit(bits[present], column[present]) if learnable else None)
    return RandomForest(forests, constants, described=bits.shape[1] > 2048)


def boosting_of(features, labels, kind, rounds=7):
    """Boosted trees, fitted as the program's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosting, "ROUNDS", rounds)
        fit = partial(boosting._fit, kind, 0)
        found = EachTask.fit(features, labels, fit)
    return Boosting(found.models, found.constants)


def predictions(models, features):
    """Float64 of each task, without the rounding to float32."""
    return [each and baselines._predict(each, features) for each in models]


def through_a_file(packed):
    return TreeArrays.from_arrays(load(save(packed.arrays())))


def assert_same_predictions(found, expected, features):
    pairs = zip(predictions(found, features), predictions(expected, features), strict=True)
    for one, other in pairs:
        assert (one is None) == (other is None)
        assert one is None or one.tobytes() == other.tobytes()


def assert_same(found, expected, bits):
    assert found.constants == expected.constants
    assert_same_predictions(found.forests, expected.forests, bits)


@pytest.mark.parametrize("columns", [2048, COLUMNS])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_forest_from_a_file_predicts_the_same_bits(kind, columns, monkeypatch):
    bits, labels = bits_and_labels(0, 120, 3, kind, columns)
    labels[:, 1] = np.where(np.isnan(labels[:, 1]), np.nan, 1)  # one class or value alone
    labels[:, 2][np.arange(120) % 9 > 0] = np.nan
    forest = forest_of(bits, labels, kind)
    fresh, _ = bits_and_labels(1, 300, 1, kind, columns)
    packed = TreeArrays.of(forest)
    assert packed.nodes[1] == 0 < min(packed.nodes[0], packed.nodes[2])
    again = through_a_file(packed).random_forest()
    assert again.described == forest.described == (len(packed.thresholds) > 0)
    assert_same(again, forest, np.concatenate([bits, fresh]))
    monkeypatch.setattr(trees_module, "_MOLECULES", 37)
    assert_same(again, forest, fresh)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_boosted_trees_from_a_file_predict_the_same_bits(kind, monkeypatch):
    features, labels = bits_and_labels(0, 150, 3, kind, COLUMNS)
    labels[:, 1] = np.where(np.isnan(labels[:, 1]), np.nan, 1)  # one class or value alone
    model = boosting_of(features, labels, kind)
    fresh = np.vstack([features, bits_and_labels(1, 300, 1, kind, COLUMNS)[0]])
    packed = TreeArrays.of(model)
    assert packed.nodes[1] == 0 < min(packed.nodes[0], packed.nodes[2])
    assert 0 < len(packed.thresholds) < (packed.splits != LEAF).sum()  # on both bits and descriptors
    again = through_a_file(packed).boosting()
    assert (again.models[1], again.constants[1]) == (None, 1.0)
    monkeypatch.setattr(trees_module, "_MOLECULES", 37)
    assert_same_predictions(again.models, model.models, fresh)
    assert all(len(np.unique(model.models[task].predict(fresh))) > 5 for task in (0, 2))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["classification", "regression"]),
    st.integers(2, 90),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_any_boosted_trees_come_back(seed, kind, molecules, tasks, rounds):
    features, labels = bits_and_labels(seed, molecules, tasks, kind, COLUMNS)
    model = boosting_of(features, labels, kind, rounds)
    again = through_a_file(TreeArrays.of(model)).boosting()
    assert_same_predictions(again.models, model.models, features)
    known = [place for place, each in enumerate(model.models) if each is None]
    assert [again.constants[i] for i in known] == [model.constants[i] for i in known]


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["classification", "regression"]),
    st.integers(2, 40),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([2048, COLUMNS]),
)
def test_any_forest_comes_back(seed, kind, molecules, tasks, trees, depth, columns):
    bits, labels = bits_and_labels(seed, molecules, tasks, kind, columns)
    forest = forest_of(bits, labels, kind, trees, max_depth=depth)
    packed = TreeArrays.of(forest)
    assert_same(through_a_file(packed).random_forest(), forest, bits)
    assert_same(TreeArrays.from_arrays(TreeArrays.of(forest).arrays()).random_forest(), forest, bits)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_programs_own_forest_comes_back(kind, monkeypatch):
    monkeypatch.setattr(baselines, "TREES", 9)
    sulphur = np.array(["S" in text or "Cl" in text for text in SMILES], np.float32)
    labels = (sulphur if kind == "classification" else 2.5 * sulphur + 1)[:, None]
    data = TaskData(SMILES, store_from_smiles(SMILES), labels, ("halogen or sulphur",), kind)
    forest = RandomForest.fit(data, np.arange(0, len(SMILES), 2), seed=0)
    again = through_a_file(TreeArrays.of(forest)).random_forest()
    assert again.predict(SMILES).tobytes() == forest.predict(SMILES).tobytes()
    assert again.predict([]).shape == (0, 1)


def test_children_are_scikit_learns():
    bits, labels = bits_and_labels(3, 80, 1, "regression")
    forest = forest_of(bits, labels, "regression")
    again = TreeArrays.of(forest).random_forest()
    for one, other in zip(again.forests[0].trees, forest.forests[0].estimators_, strict=True):
        assert np.array_equal(one.children_left, other.tree_.children_left)
        assert np.array_equal(one.children_right, other.tree_.children_right)


@pytest.mark.parametrize("other", [lambda b: b * 3, lambda b: b[:, :2000]])
def test_a_forest_on_anything_but_bits_is_refused(other):
    bits, labels = bits_and_labels(0, 40, 1, "regression")
    with pytest.raises(ValueError, match="not a tree in preorder on 2048 bits"):
        TreeArrays.of(forest_of(other(bits), labels, "regression"))


def test_trees_grown_best_first_are_refused():
    bits, labels = bits_and_labels(0, 60, 1, "regression")
    with pytest.raises(ValueError, match="in preorder"):
        TreeArrays.of(forest_of(bits, labels, "regression", max_leaf_nodes=12))


def test_a_threshold_on_a_file_sends_every_float32_to_the_side_it_had():
    values = np.float32([0.1, 0.1 + 2**-27, 0.3, -5, 1e-30, 2**-149])
    between = (values[:-1].astype(np.float64) + values[1:]) / 2
    thresholds = np.concatenate([between, values.astype(np.float64), values + 1e-12, values - 1e-12])
    kept = trees_module._rounded_down(thresholds)
    assert kept.dtype == np.float32
    for x in np.concatenate(
        [values, np.nextafter(values, np.float32(9)), np.nextafter(values, np.float32(-9))]
    ):
        assert np.array_equal(x <= kept, x <= thresholds)


@pytest.fixture(scope="module")
def packed():
    features, labels = bits_and_labels(0, 60, 2, "regression", COLUMNS)
    found = TreeArrays.of(forest_of(features, labels, "regression", trees=3))
    assert 0 < len(found.thresholds) < (found.splits != LEAF).sum()
    return found


def with_one(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: {"splits": p.splits[:-1]}, "leaves|nodes"),
        (lambda p: {"splits": with_one(p.splits, -1, 7)}, "leaves"),
        (lambda p: {"splits": with_one(p.splits, 0, COLUMNS)}, f"asks for column {COLUMNS} or above"),
        (lambda p: {"splits": with_one(p.splits, np.argmax(p.splits < 2048), COLUMNS - 1)}, "thresholds"),
        (lambda p: {"thresholds": p.thresholds[1:]}, "thresholds"),
        (lambda p: {"thresholds": with_one(p.thresholds, 0, np.inf)}, "'thresholds' is not finite"),
        (lambda p: {"leaves": p.leaves[:-1]}, "leaves"),
        (lambda p: {"leaves": with_one(p.leaves, 0, len(p.values))}, "places past"),
        (lambda p: {"values": with_one(p.values, 0, np.nan)}, "'values' is not finite"),
        (lambda p: {"constants": with_one(p.constants, 0, np.inf)}, "'constants' is not finite"),
        (lambda p: {"constants": p.constants[:1]}, "'constants' is float64"),
        (lambda p: {"nodes": p.nodes + np.array([1, -1])}, "ends within a tree"),
        (lambda p: {"nodes": p.nodes + 1}, "add up"),
        (lambda p: {"nodes": np.array([-1, len(p.splits) + 1])}, "add up"),
        (lambda p: {"nodes": np.array([2**62, 2**62, 2**62, 2**62]), "constants": np.zeros(4)}, "add up"),
        (lambda p: {"splits": p.splits.astype(np.int64)}, "'splits' is int64"),
        (lambda p: {"splits": with_one(p.splits, [0, -1], [LEAF, p.splits[0]])}, "ends within a tree"),
    ],
)  # fmt: skip
def test_a_changed_file_is_refused(packed, change, text):
    with pytest.raises(CheckpointError, match=text):
        TreeArrays.from_arrays(packed.arrays() | change(packed))


@pytest.mark.parametrize("name", ["splits", "thresholds", "leaves", "values", "nodes", "constants"])
def test_a_missing_array_is_refused(packed, name):
    rest = {other: array for other, array in packed.arrays().items() if other != name}
    with pytest.raises(CheckpointError, match=f"no array '{name}'"):
        TreeArrays.from_arrays(rest)


@settings(max_examples=200)
@given(st.data())
def test_no_change_leads_to_anything_but_a_refusal_or_finite_predictions(packed, data):
    arrays = {name: array.copy() for name, array in packed.arrays().items()}
    for _ in range(data.draw(st.integers(1, 3))):
        array = arrays[data.draw(st.sampled_from(sorted(arrays)))]
        raw = array.view(np.uint8)
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        rebuilt = TreeArrays.from_arrays(arrays).random_forest()
    except CheckpointError:
        return
    features = np.eye(5, COLUMNS, 2046, dtype=np.float32)
    assert all(
        np.isfinite(found).all() for found in predictions(rebuilt.forests, features) if found is not None
    )


@settings(max_examples=100)
@given(st.lists(st.sampled_from([0, 1, 2050, LEAF, LEAF]), min_size=1, max_size=30))
def test_any_row_of_nodes_is_whole_trees_or_refused(splits):
    """Against a reader by recursion."""

    def after(place):
        if place >= len(splits):
            raise IndexError
        return place + 1 if splits[place] == LEAF else after(after(place + 1))

    def whole():
        place = 0
        try:
            while place < len(splits):
                place = after(place)
        except IndexError:
            return False
        return True

    leaves = splits.count(LEAF)
    arrays = TreeArrays(
        np.array(splits, np.uint16), np.full(splits.count(2050), -1.5, np.float32),
        np.arange(leaves, dtype=np.uint32), np.arange(leaves) + 0.5, np.array([len(splits)]), np.zeros(1),
    ).arrays()  # fmt: skip
    if not whole():
        with pytest.raises(CheckpointError):
            TreeArrays.from_arrays(arrays)
        return

    def follow(place, features):
        if splits[place] == LEAF:
            return splits[:place].count(LEAF) + 0.5
        right = features[splits[place]] > (-1.5 if splits[place] == 2050 else 0.5)
        return follow(after(place + 1) if right else place + 1, features)

    roots = [0]
    while (end := after(roots[-1])) < len(splits):
        roots.append(end)
    rebuilt = TreeArrays.from_arrays(arrays).random_forest()
    for code in range(8):
        features = np.zeros((1, COLUMNS), np.float32)
        features[0, [0, 1, 2050]] = [code & 1, code >> 1 & 1, (code >> 2) - 2]
        expected = sum(follow(root, features[0]) for root in roots) / len(roots)
        assert rebuilt.forests[0].predict(features)[0] == pytest.approx(expected, rel=1e-12)
