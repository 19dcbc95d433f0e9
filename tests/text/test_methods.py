import numpy as np
import pytest

from molweight.errors import ConfigError
from molweight.text.budgets import TEXT_BUDGETS, find_text_budget
from molweight.text.methods import PLAIN, TEXT_METHODS, TextJob, find_text_methods
from molweight.text.metrics import TEXT_METRICS, score


@pytest.fixture
def job(checkpoint, data, store, split, compute):
    metric = TEXT_METRICS["micro_f1" if data.kind == "classification" else "pearson"]
    budget = TEXT_BUDGETS["smoke"]
    return TextJob(data.hide_labels(split.test), store, split, metric, budget, compute, 0, checkpoint)


@pytest.mark.parametrize("name", TEXT_METHODS)
def test_every_method_predicts_and_tells_its_validation_score(name, job):
    fitted = TEXT_METHODS[name](job)
    outputs = fitted.predict(job.split.test)
    assert outputs.shape == (6, job.data.outputs)
    assert np.isfinite(outputs).all()
    found = score(job.metric, job.data.labels[job.split.valid], fitted.predict(job.split.valid)).value
    assert found == pytest.approx(fitted.valid)


def test_what_each_does_with_weights(job):
    fitted = {name: method(job) for name, method in TEXT_METHODS.items()}
    assert fitted["finetune"].weights is None
    assert fitted["mlm"].weights == {PLAIN: 1.0}
    assert set(fitted["equal"].weights.values()) == {0.25}
    assert len(set(fitted["tapweight"].weights.values())) > 1
    assert len(fitted["tapweight"].history) == job.budget.reweight.loop.steps


def test_pretraining_takes_the_same_steps_whatever_the_method(job):
    for budget in TEXT_BUDGETS.values():
        config, loop = budget.continued_pretraining(3), budget.reweight.loop
        assert (config.steps, config.lr, config.head_lr) == (loop.steps, loop.pretrain_lr, loop.head_lr)
        assert config.batch_size == budget.reweight.pretrain_batch


def test_unknown_names_are_told():
    with pytest.raises(ConfigError, match="unknown method 'bert'; there are tfidf, finetune"):
        find_text_methods("tfidf,bert")
    with pytest.raises(ConfigError, match="unknown method ' , '"):
        find_text_methods(" , ")
    with pytest.raises(ConfigError, match="unknown budget 'huge'; there are smoke, quick"):
        find_text_budget("huge")
