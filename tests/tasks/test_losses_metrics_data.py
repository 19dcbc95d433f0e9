import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from molweight.tasks.data import Scaler
from molweight.tasks.losses import masked_loss
from molweight.tasks.metrics import MAE, PR_AUC, RMSE, ROC_AUC, score
from molweight.tasks.sampling import step_batch

NAN = float("nan")


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_masked_loss_is_the_mean_over_labels_present(kind):
    torch.manual_seed(0)
    predicted = torch.randn(6, 3, requires_grad=True)
    labels = (torch.rand(6, 3) < 0.5).float()
    labels[torch.rand(6, 3) < 0.4] = NAN
    present = ~labels.isnan()
    plain = F.binary_cross_entropy_with_logits if kind == "classification" else F.mse_loss
    loss = masked_loss(predicted, labels, kind)
    assert torch.allclose(loss, plain(predicted[present], labels[present]))
    loss.backward()
    assert (predicted.grad[~present] == 0).all()
    assert (predicted.grad[present] != 0).all()


def test_masked_loss_without_any_label_is_zero_and_harmless():
    predicted = torch.randn(2, 2, requires_grad=True)
    loss = masked_loss(predicted, torch.full((2, 2), NAN), "regression")
    loss.backward()
    assert loss == 0
    assert (predicted.grad == 0).all()


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        (ROC_AUC, roc_auc_score),
        (PR_AUC, average_precision_score),
        (RMSE, root_mean_squared_error),
        (MAE, mean_absolute_error),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_metrics_agree_with_scikit_learn_on_labels_present(metric, reference):
    rng = np.random.default_rng(0)
    labels = (rng.random((40, 3)) < 0.5).astype(np.float32)
    labels[rng.random((40, 3)) < 0.3] = np.nan
    predicted = rng.random((40, 3)).astype(np.float32)
    found = score(metric, labels, predicted, ("a", "b", "c"))
    for column, name in enumerate("abc"):
        present = ~np.isnan(labels[:, column])
        expected = reference(labels[present, column], predicted[present, column])
        assert found.per_task[name] == pytest.approx(expected, rel=1e-6)
    assert found.value == pytest.approx(np.mean(list(found.per_task.values())))


def test_tasks_with_one_class_are_left_out_and_named():
    labels = np.array([[1, 1, NAN], [0, 1, NAN], [1, NAN, NAN]], np.float32)
    predicted = np.array([[0.9, 0.1, 0], [0.1, 0.2, 0], [0.8, 0.3, 0]], np.float32)
    found = score(ROC_AUC, labels, predicted, ("good", "one", "none"))
    assert found.value == 1
    assert found.left_out == ("one", "none")
    assert np.isnan(score(ROC_AUC, labels[:, 1:], predicted[:, 1:], ("one", "none")).value)
    assert score(RMSE, labels, predicted, ("good", "one", "none")).left_out == ("none",)


def test_scaler_standardises_present_labels_and_inverts():
    labels = np.array([[1, 5, NAN], [3, 5, NAN], [NAN, 5, NAN]], np.float32)
    scaler = Scaler.of(labels, "regression")
    scaled = scaler.transform(labels)
    assert np.array_equal(scaled[:, 0], [-1, 1, NAN], equal_nan=True)
    assert (scaled[:, 1] == 0).all()  # a constant target stays finite
    assert np.allclose(scaler.invert(scaled), labels, equal_nan=True)
    assert np.array_equal(Scaler.of(labels, "classification").transform(labels), labels, equal_nan=True)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 3), st.integers(0, 5))
def test_an_epoch_shows_no_molecule_twice(count, batch_size, epoch, seed):
    molecules = torch.arange(100, 100 + count)
    steps = count // min(batch_size, count)
    batches = [step_batch(molecules, batch_size, epoch * steps + i, seed) for i in range(steps)]
    seen = torch.cat(batches)
    assert len(seen.unique()) == len(seen) == steps * min(batch_size, count)
    assert set(seen.tolist()) <= set(molecules.tolist())
    assert torch.equal(batches[0], step_batch(molecules, batch_size, epoch * steps, seed))
