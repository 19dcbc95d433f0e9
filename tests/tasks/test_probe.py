from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import collate
from molweight.tasks import probe as module
from molweight.tasks.metrics import score
from molweight.tasks.probe import frozen_readout, probe


def test_the_readout_is_the_frozen_encoders_and_leaves_it_as_it_is(encoder, data, compute):
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    found = frozen_readout(encoder, data.store, compute)
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    encoder.eval()
    batch = collate(data.store, torch.arange(20))
    with torch.no_grad():
        assert found == pytest.approx(mean_readout(encoder(batch), batch).numpy(), rel=1e-4, abs=1e-5)


def test_it_is_the_best_of_the_penalties_by_validation(job):
    fitted, readout = probe(job), frozen_readout(job.checkpoint, job.data.store, job.compute)
    train = job.split.train
    features = (readout - readout[train].mean(0)) / readout[train].std(0)
    valid_scores, predictions = [], []
    for penalty in module.PENALTIES:
        columns = []
        for labels in job.data.labels[train].T:
            known = ~np.isnan(labels)
            x, y = features[train][known], labels[known]
            if len(np.unique(y)) < 2:
                columns.append(np.full(20, y.mean()))
            elif job.data.kind == "classification":
                model = LogisticRegression(C=1 / (2 * penalty), max_iter=5_000).fit(x, y)
                columns.append(model.predict_proba(features)[:, 1])
            else:
                columns.append(Ridge(penalty).fit(x.astype(np.float64), y).predict(features))
        predictions.append(np.stack(columns, 1).astype(np.float32))
        part = job.split.valid
        valid_scores.append(
            score(job.metric, job.data.labels[part], predictions[-1][part], job.data.tasks).value
        )
    best = np.argmax(valid_scores) if job.metric.higher_is_better else np.argmin(valid_scores)
    assert fitted.valid == pytest.approx(valid_scores[best], rel=1e-3)
    assert fitted.predict(np.arange(20)) == pytest.approx(predictions[best], rel=1e-2, abs=1e-2)


def test_a_readout_that_never_varies_does_no_harm(job):
    with torch.no_grad():
        job.checkpoint.gnn_layers[-1].bn.weight.zero_()
    assert np.isfinite(probe(job).predict(np.arange(20))).all()


def test_no_label_outside_train_teaches_it(job, monkeypatch):
    monkeypatch.setattr(module, "PENALTIES", (1.0,))  # so that validation has nothing to choose
    labels = job.data.labels.copy()
    labels[job.split.valid] = 1 - labels[job.split.valid]
    first, second = (probe(each) for each in (job, replace(job, data=replace(job.data, labels=labels))))
    assert np.array_equal(first.predict(np.arange(20)), second.predict(np.arange(20)))
