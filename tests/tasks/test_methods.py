from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pytest

from molweight.cli.adapt import adapt
from molweight.cli.bench import bench
from molweight.errors import ConfigError
from molweight.molecules.head_inputs import HeadInputs
from molweight.screening.comparison import IN_WORDS
from molweight.tasks import baselines, boosting, continued
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.methods import COMPARED_ONLY, METHODS, find_methods
from molweight.tasks.metrics import score

WITHOUT_WEIGHTS = {"rf", "rf-descriptors", "gbdt", "scratch", "probe", "finetune", "aligned-joint"}


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    monkeypatch.setattr(baselines, "TREES", 5)
    monkeypatch.setattr(boosting, "ROUNDS", 5)
    monkeypatch.setattr(continued, "DRAWS", 2)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_keeps_its_promises(name, job):
    """It tells its validation score and its weights, and reads no label of a test molecule."""
    if name == "upgrad":
        pytest.importorskip("torchjd")
    fitted = METHODS[name](job)
    predicted = fitted.predict(np.arange(20))
    assert predicted.shape == (20, 2)
    assert np.isfinite(predicted).all()

    valid = job.split.valid
    reached = score(job.metric, job.data.labels[valid], predicted[valid], job.data.tasks).value
    assert fitted.valid == pytest.approx(reached, rel=1e-5)
    assert (fitted.weights is None) == (name in WITHOUT_WEIGHTS)
    if fitted.weights and name != "tapweight-strength":
        assert sum(fitted.weights.values()) == pytest.approx(1)
    if name not in COMPARED_ONLY:  # and so can be fitted anew on other molecules
        assert isinstance(fitted.model, RandomForest | Boosting) != (fitted.encoder is not None)

    labels = job.data.labels.copy()
    labels[job.split.test] = 1e6 if job.data.kind == "regression" else 1
    again = METHODS[name](replace(job, data=replace(job.data, labels=labels)))
    assert again.weights == fitted.weights
    assert np.array_equal(again.predict(np.arange(20)), predicted)


@pytest.mark.parametrize(
    "name", ["scratch", "finetune", "equal", "cosine", "aligned-joint", "two-level", "tapweight"]
)
@pytest.mark.parametrize("read", ["descriptors", "fingerprints"])
def test_the_head_of_every_network_can_read_more_than_the_graph(name, read, job):
    (method,) = find_methods(f"{name}@{read}=true").values()
    fitted = method(job)
    assert fitted.model.problem.inputs == HeadInputs(**{read: True})
    predicted = fitted.predict(np.arange(20))
    valid = job.split.valid
    reached = score(job.metric, job.data.labels[valid], predicted[valid], job.data.tasks).value
    assert fitted.valid == pytest.approx(reached, rel=1e-5)
    assert not np.array_equal(predicted, METHODS[name](job).predict(np.arange(20)))


@pytest.mark.parametrize(("command", "left_out"), [(bench, ()), (adapt, COMPARED_ONLY)])
def test_the_help_names_every_method_that_a_command_takes(command, left_out):
    (option,) = get_type_hints(command, include_extras=True)["methods"].__metadata__
    named = option.help.removeprefix("Comma-separated, of ").removesuffix(".")
    assert named.split(", ") == [name for name in METHODS if name not in left_out]


def test_a_model_card_has_words_for_every_method_of_adapt():
    assert set(METHODS) - set(COMPARED_ONLY) == set(IN_WORDS)


def test_upgrad_is_refused_at_once_where_torchjd_is_missing(monkeypatch):
    monkeypatch.setattr("molweight.tasks.weightings.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="upgrad needs torchjd, qpsolvers, quadprog"):
        find_methods("rf,upgrad")
    with pytest.raises(ConfigError, match="upgrad needs torchjd, qpsolvers, quadprog"):
        find_methods("upgrad@steps=3")
    assert list(find_methods("rf,equal")) == ["rf", "equal"]
