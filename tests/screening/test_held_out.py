import numpy as np
import pytest
from adapted import adapt_small
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from molweight.screening.calibration import PlattScaling
from molweight.screening.held_out import LEVELS, coverage_reached, fits, fits_of_test, hold_out


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    return adapt_small(tmp_path_factory.mktemp("run"), methods="finetune", seeds=1)


@pytest.fixture(scope="module")
def classification(tmp_path_factory):
    return adapt_small(tmp_path_factory.mktemp("run"), "classification", ("a", "b"), methods="rf", seeds=1)


@pytest.mark.slow
def test_a_label_fits_where_the_interval_of_the_other_folds_holds_it(regression):
    held, labels = hold_out(regression), regression.training.data.labels
    inside = np.abs(labels - held.value) <= held.margin
    assert (inside == (held.fit > 0.1)).all()
    assert coverage_reached(held.fit, 0.9) == inside.mean()


@pytest.mark.slow
def test_the_margin_takes_nothing_from_the_fold_itself(regression):
    held, folds = hold_out(regression), regression.fitted.folds
    residuals = np.abs(regression.training.data.labels[:, 0].astype(float) - held.value[:, 0])
    for fold in range(5):
        others = np.sort(residuals[folds != fold])
        rank = int(np.ceil(round(0.9 * (len(others) + 1), 9)))
        assert held.margin[folds == fold, 0] == pytest.approx(others[rank - 1])


@pytest.mark.slow
def test_probabilities_are_scaled_by_the_other_folds_alone(classification):
    held, raw, folds = (
        hold_out(classification),
        classification.fitted.out_of_fold,
        classification.fitted.folds,
    )
    labels = classification.training.data.labels
    own = folds == 2
    expected = PlattScaling.fit(raw[~own], labels[~own]).apply(raw[own])
    assert (held.value[own] == expected).all()
    assert ((held.value >= 0) & (held.value <= 1)).all()
    assert (np.isnan(held.fit) == np.isnan(labels)).all()


@pytest.mark.slow
def test_similarity_is_to_molecules_of_other_folds(regression):
    held, folds = hold_out(regression), regression.fitted.folds
    smiles = regression.training.data.smiles
    fold = folds[0]
    generator = GetMorganGenerator(radius=2, fpSize=2048)
    bits = [generator.GetFingerprint(Chem.MolFromSmiles(each)) for each in smiles]
    others = [b for b, f in zip(bits, folds, strict=True) if f != fold]
    assert held.similarity[0] == pytest.approx(max(DataStructs.BulkTanimotoSimilarity(bits[0], others)))


def test_p_values_of_exchangeable_labels_are_uniform():
    generator = np.random.default_rng(0)
    known, asked = (generator.normal(size=(n, 1)).astype(np.float32) for n in (4000, 4000))
    zeros = np.zeros_like(known)
    found = fits(asked, zeros, known, zeros, "regression")
    for level in LEVELS:
        assert coverage_reached(found, level) == pytest.approx(level, abs=0.03)


def test_each_class_is_compared_with_its_own():
    known = np.array([[-3.0], [-1.0], [2.0]], np.float32)
    known_labels = np.array([[0.0], [0.0], [1.0]], np.float32)
    asked, labels = (
        np.array([[-2.0], [5.0], [0.0]], np.float32),
        np.array([[0.0], [1.0], [np.nan]], np.float32),
    )
    found = fits(labels, asked, known_labels, known, "classification")
    assert found[:, 0] == pytest.approx([2 / 3, 1.0, np.nan], nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_the_test_part_is_judged_by_molecules_outside_it(kind, request):
    adapted = request.getfixturevalue(kind)
    found = fits_of_test(adapted)
    tasks = len(adapted.training.data.tasks)
    assert found.shape == (1, len(adapted.split.test), tasks)
    assert (np.isnan(found[0]) == np.isnan(adapted.training.data.labels[adapted.split.test])).all()
