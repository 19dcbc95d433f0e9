import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from molweight.screening.bootstrap import (
    draw_counts,
    resampled_score,
    resampled_scores,
    standard_error,
    weighted_auc,
    weighted_mae,
    weighted_rmse,
)
from molweight.tasks.metrics import MAE, RMSE, ROC_AUC, score


@pytest.fixture
def molecules():
    generator = np.random.default_rng(0)
    labels = (generator.random((40, 3)) < 0.4).astype(np.float32)
    labels[generator.random(labels.shape) < 0.2] = np.nan
    predicted = np.round(generator.normal(size=(2, 40, 3)), 1).astype(np.float32)  # with ties
    return labels, predicted


def test_counting_a_molecule_twice_is_having_it_twice():
    generator = np.random.default_rng(1)
    truth, predicted = np.arange(30) % 2.0, np.round(generator.normal(size=30), 1)
    counts = draw_counts(30)[:20]
    scored = [weighted(truth, predicted, counts) for weighted in (weighted_auc, weighted_rmse, weighted_mae)]
    for row, auc, rmse, mae in zip(counts, *scored, strict=True):
        drawn = np.repeat(np.arange(30), row.astype(int))
        assert auc == pytest.approx(roc_auc_score(truth[drawn], predicted[drawn]), abs=1e-12)
        assert rmse == pytest.approx(np.sqrt(np.mean((truth[drawn] - predicted[drawn]) ** 2)))
        assert mae == pytest.approx(np.mean(np.abs(truth[drawn] - predicted[drawn])))


@pytest.mark.parametrize("metric", [RMSE, MAE, ROC_AUC])
def test_every_molecule_once_is_the_score_itself(metric, molecules):
    labels, predicted = molecules
    found = resampled_score(metric, labels, predicted, np.ones((1, 40)))
    assert found == pytest.approx(
        np.mean([score(metric, labels, p, ("a", "b", "c")).value for p in predicted])
    )


def test_a_task_without_a_class_in_a_draw_is_left_out_of_it_for_all_models():
    labels = np.array([[0, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    good, bad = labels + 0.5, 1 - labels
    counts = np.array([[1, 1, 1, 1], [2, 2, 0, 0], [4, 0, 0, 0]], float)  # the second task loses its one
    found = resampled_scores(ROC_AUC, labels, [good, bad, np.stack([good[:, 0], bad[:, 1]], 1)], counts)
    assert found[:, :2].tolist() == [[1, 1], [0, 0], [0.5, 1]]
    assert np.isnan(found[:, 2]).all()


def test_the_error_of_a_mean_is_that_of_textbooks():
    errors = np.random.default_rng(2).normal(size=(200, 1)).astype(np.float32)
    labels = np.zeros_like(errors)
    squares = resampled_score(RMSE, labels, [errors], draw_counts(200)) ** 2
    assert squares.std() == pytest.approx((errors**2).std() / np.sqrt(200), rel=0.1)


def test_a_class_that_is_seldom_drawn_leaves_no_error_to_tell():
    labels = np.zeros((4, 1), np.float32)
    drawn = resampled_score(ROC_AUC, labels, [labels], draw_counts(4))
    assert np.isnan(drawn).all()
    assert np.isnan(standard_error(drawn))
