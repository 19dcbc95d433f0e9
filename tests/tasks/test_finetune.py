from dataclasses import replace

import numpy as np
import pytest
import torch

from molweight.errors import DataError
from molweight.molecules.scaled_descriptors import with_descriptors
from molweight.tasks import finetune as finetune_module
from molweight.tasks.finetune import FinetuneConfig, finetune, predict
from molweight.tasks.metrics import RMSE, ROC_AUC
from molweight.tasks.problems import FinetuneProblem

FAST = FinetuneConfig(epochs=4, patience=4, batch_size=6, dropout=0.2)
REGRESSION = pytest.mark.parametrize("data", ["regression"], indirect=True)


def metric_of(data):
    return ROC_AUC if data.kind == "classification" else RMSE


def fitted(encoder, data, parts, compute, config=FAST, **changes):
    records = []
    metric = metric_of(data)
    train, valid = (changes.get(name, parts[name]) for name in ("train", "valid"))
    model = finetune(encoder, data, train, valid, metric, config, compute, 0, records.append)
    return model, records


def with_labels(data, molecules, change):
    labels = data.labels.copy()
    labels[molecules] = change(labels[molecules])
    return replace(data, labels=labels)


@REGRESSION
def test_validation_labels_scale_and_teach_nothing(encoder, data, parts, compute):
    """They choose the epoch: neither the targets' scale nor a single train loss depends on them."""
    shifted = with_labels(data, parts["valid"], lambda y: 1000 + 50 * y)
    (first, records), (second, others) = (fitted(encoder, d, parts, compute) for d in (data, shifted))
    assert np.array_equal(first.scaler.mean, second.scaler.mean)
    assert np.array_equal(first.scaler.std, second.scaler.std)
    assert [r.loss for r in records] == [r.loss for r in others]
    assert [r.valid for r in records] != [r.valid for r in others]
    train = data.labels[parts["train"]]
    assert np.allclose(first.scaler.mean, np.nanmean(train, axis=0))


@REGRESSION
def test_where_less_is_better_the_least_score_is_kept(encoder, data, parts, compute):
    config = replace(FAST, epochs=12, patience=12, lr=3e-2)
    model, records = fitted(encoder, data, parts, compute, config)
    scores = [r.valid for r in records]
    assert model.valid == min(scores) < max(scores)
    labels, predicted = data.labels[parts["valid"]], model.predict(data.store, parts["valid"])
    assert finetune_module.score(RMSE, labels, predicted, data.tasks).value == pytest.approx(model.valid)


@REGRESSION
def test_what_descriptors_say_is_learned_by_a_head_that_reads_them(encoder, data, parts, compute):
    store = with_descriptors(data.store, data.smiles)
    planted = replace(data, labels=100 + store.descriptors[:, :2].float().numpy())
    config = FinetuneConfig(epochs=40, patience=40, batch_size=6, lr=1e-2, dropout=0.0)
    plain, _ = fitted(encoder, planted, parts, compute, config)
    reading, _ = fitted(
        encoder, replace(planted, store=store), parts, compute, replace(config, descriptors=True)
    )
    assert reading.valid < plain.valid / 2
    assert np.isfinite(reading.predict(store, parts["test"])).all()
    with pytest.raises(ValueError, match="the store carries no descriptors"):
        reading.predict(data.store, parts["test"])


@REGRESSION
def test_predictions_are_in_the_units_of_the_labels(encoder, data, parts, compute):
    config = replace(FAST, dropout=0.0)
    far = with_labels(data, np.arange(20), lambda y: 1e4 + 10 * y)
    near, distant = (
        fitted(encoder, d, parts, compute, config)[0].predict(d.store, parts["test"]) for d in (data, far)
    )
    assert np.allclose(distant, 1e4 + 10 * near, rtol=0, atol=1.0)


def test_molecules_without_any_label_change_only_which_batches_there_are(encoder, data, parts, compute):
    nothing = data.hide_labels(parts["train"][:6])
    model, records = fitted(encoder, nothing, parts, compute)
    assert all(np.isfinite(r.loss) for r in records)
    assert np.isfinite(model.predict(data.store, parts["test"])).all()


def test_the_settings_reach_the_copy_and_not_the_encoder(encoder, data, parts, compute):
    model, records = fitted(encoder, data, parts, compute)
    assert model.problem.encoder.dropout == 0.2
    assert encoder.dropout == 0
    assert encoder.training
    assert not model.problem.training
    assert [r.epoch for r in records] == [0, 1, 2, 3]
    undropped, others = fitted(encoder, data, parts, compute, replace(FAST, dropout=0.0))
    assert undropped.problem.encoder.dropout == 0
    assert [r.loss for r in records] != [r.loss for r in others]


def test_predictions_do_not_depend_on_how_they_are_cut_into_batches(encoder, data, compute, monkeypatch):
    problem = FinetuneProblem(encoder, 2, data.kind, compute)
    everything = np.arange(20)[::-1]
    at_once = predict(problem, data.store, everything)
    monkeypatch.setattr(finetune_module, "PREDICT_BATCH", 3)
    assert np.allclose(predict(problem, data.store, everything), at_once, atol=1e-6)
    assert np.allclose(predict(problem, data.store, np.arange(20)), at_once[::-1], atol=1e-6)


@REGRESSION
def test_a_loss_that_is_not_finite_ends_training_with_a_remedy(encoder, data, parts, compute):
    with torch.no_grad():
        encoder.node_embeddings[0].weight.fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="fine-tuning loss is nan in epoch 0; lower the learning"):
        fitted(encoder, data, parts, compute)


@pytest.mark.parametrize("data", ["classification"], indirect=True)
def test_validation_molecules_of_one_class_cannot_choose_an_epoch(encoder, data, parts, compute):
    one_class = with_labels(data, parts["valid"], np.ones_like)
    with pytest.raises(DataError, match=r"roc_auc cannot be computed on the \d+ validation molecules"):
        fitted(encoder, one_class, parts, compute)


def test_the_encoder_has_a_learning_rate_of_its_own(encoder, data, parts, compute):
    """Adam's first step moves every parameter that has a gradient by the learning rate."""
    config = FinetuneConfig(1, 1, batch_size=12, lr=1e-2, dropout=0.0, encoder_lr_factor=0.1)
    (slow, _), (same, _) = (
        fitted(encoder, data, parts, compute, each) for each in (config, replace(config, encoder_lr_factor=1))
    )
    before = dict(encoder.named_parameters())
    for model, step in ((slow, 1e-3), (same, 1e-2)):
        after = model.problem.encoder.named_parameters()
        moved = [(p - before[n]).detach().abs().max() for n, p in after]
        assert float(torch.stack(moved).max()) == pytest.approx(step, rel=1e-3)
    assert torch.allclose(slow.problem.head.weight, same.problem.head.weight)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf")])
def test_a_factor_that_is_no_factor_is_refused(factor):
    with pytest.raises(ValueError, match="encoder_lr_factor must be positive"):
        FinetuneConfig(1, 1, encoder_lr_factor=factor)
