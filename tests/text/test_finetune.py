import numpy as np
import pytest
import torch

from molweight.encoders.transformer import set_dropout
from molweight.errors import DataError
from molweight.text.finetune import (
    TextFinetuneConfig,
    finetune_text,
    predict_texts,
)
from molweight.text.metrics import TEXT_METRICS, score

CONFIG = TextFinetuneConfig(epochs=4, patience=4, batch_size=4, lr=1e-3, head_lr=1e-2)


def metric_of(data):
    return TEXT_METRICS["accuracy" if data.kind == "classification" else "rmse"]


def tuned(checkpoint, data, store, split, compute, config=CONFIG, seed=0, **options):
    return finetune_text(
        checkpoint.encoder, data, store, split.train, split.valid, metric_of(data), config, compute, seed,
        **options,
    )  # fmt: skip


def test_it_learns_what_the_words_say(checkpoint, data, store, split, compute):
    records = []
    config = TextFinetuneConfig(epochs=20, patience=20, batch_size=4, lr=1e-3, head_lr=1e-2)
    model = tuned(checkpoint, data, store, split, compute, config, progress=records.append)
    predicted = model.predict(store, split.test)
    assert predicted.shape == (6, data.outputs)
    reached = score(metric_of(data), data.labels[split.test], predicted).value
    if data.kind == "classification":
        assert reached > 0.8
    else:
        assert reached < 4  # of values 100, 110 and 120
    assert records[-1].loss < records[0].loss


def test_the_best_epoch_is_kept(checkpoint, data, store, split, compute):
    records = []
    model = tuned(checkpoint, data, store, split, compute, progress=records.append)
    best = max if data.kind == "classification" else min
    assert model.valid == best(record.valid for record in records)
    found = score(metric_of(data), data.labels[split.valid], model.predict(store, split.valid)).value
    assert found == pytest.approx(model.valid)


def test_patience_ends_it(checkpoint, data, store, split, compute):
    records = []
    config = TextFinetuneConfig(epochs=9, patience=2, batch_size=4, lr=1e-30, head_lr=1e-30)
    tuned(checkpoint, data, store, split, compute, config, progress=records.append)
    assert len(records) == 3  # the first is the best; two more are no better


def test_same_seed_same_bits_and_the_checkpoint_is_left_alone(checkpoint, data, store, split, compute):
    before = {name: value.clone() for name, value in checkpoint.encoder.state_dict().items()}
    first, second, other = (tuned(checkpoint, data, store, split, compute, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.predict(store, split.test), second.predict(store, split.test))
    assert not np.array_equal(first.predict(store, split.test), other.predict(store, split.test))
    assert all(torch.equal(value, before[n]) for n, value in checkpoint.encoder.state_dict().items())


def test_labels_outside_train_and_valid_are_not_read(checkpoint, data, store, split, compute):
    shown = tuned(checkpoint, data, store, split, compute)
    hidden = tuned(checkpoint, data.hide_labels(split.test), store, split, compute)
    assert np.array_equal(shown.predict(store, split.test), hidden.predict(store, split.test))


def test_predictions_come_in_the_order_asked_for(checkpoint, data, store, split, compute, monkeypatch):
    monkeypatch.setattr("molweight.text.finetune.PREDICT_BATCH", 5)
    model = tuned(checkpoint, data, store, split, compute)
    order = np.array([9, 2, 23, 2, 0])
    together = predict_texts(model.problem, store, order)
    one_by_one = np.concatenate([predict_texts(model.problem, store, order[[i]]) for i in range(5)])
    assert np.allclose(together, one_by_one, atol=1e-5)
    assert predict_texts(model.problem, store, order[:0]).shape == (0, data.outputs)


def test_rates_rise_and_fall():
    config = TextFinetuneConfig(epochs=1, patience=1, warmup=0.2)
    rates = [config.rate_at(step, 10) for step in range(10)]
    assert rates[:2] == [0.5, 1.0]
    assert max(rates) == 1
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[-1] < 0.2


def test_dropout_is_that_of_the_settings(checkpoint, data, store, split, compute):
    model = tuned(checkpoint, data, store, split, compute, TextFinetuneConfig(1, 1, dropout=0.3))
    rates = {m.p for m in model.problem.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.3}
    set_dropout(model.problem.encoder, 0.0)
    assert model.problem.dropout.p == 0.3


def test_nothing_to_choose_by_is_told(checkpoint, data, store, split, compute):
    with pytest.raises(DataError, match="6 validation texts: no epoch can be chosen"):
        tuned(checkpoint, data.hide_labels(split.valid), store, split, compute)
