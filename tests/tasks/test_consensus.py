from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from molweight.errors import ConfigError
from molweight.tasks.consensus import Consensus, voted
from molweight.tasks.job import Job
from molweight.tasks.methods import METHODS, find_methods
from molweight.tasks.metrics import score

EVERYTHING = np.arange(20)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molweight.tasks.baselines.TREES", 20)


def together(job: Job) -> Job:
    """The job with a forest beside the network."""
    return replace(job, budget=replace(job.budget, forest=True))


@pytest.mark.parametrize(
    ("settings", "beside", "trees"),
    [
        ("", "@forest=true", ["rf"]),
        ("@descriptors=true", "@forest=true", ["rf-descriptors"]),
        ("", "@boosting=true", ["gbdt"]),
        ("@descriptors=true", "@forest=true@boosting=true", ["rf-descriptors", "gbdt"]),
    ],
)
def test_it_is_the_mean_of_the_network_and_of_trees(job, settings, beside, trees):
    names = ",".join(("finetune" + settings, "finetune" + settings + beside))
    network, together = (method(job).predict(EVERYTHING) for method in find_methods(names).values())
    said = [network, *(METHODS[each](job).predict(EVERYTHING) for each in trees)]
    if job.data.kind == "regression":
        assert together == pytest.approx(np.mean(said, axis=0), rel=1e-6)
    else:
        likely = [
            each.clip(1 / 40, 1 - 1 / 40) if name.startswith("rf") else expit(each)  # of 20 trees
            for name, each in zip(("finetune", *trees), said, strict=True)
        ]
        assert expit(together) == pytest.approx(np.mean(likely, axis=0), abs=1e-6)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()


@given(arrays(np.float32, (3, 4), elements=st.floats(-500, 500, width=32)))
def test_votes_are_the_logit_of_the_mean_probability_and_finite_however_sure(said):
    found = voted(list(said))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert expit(found.astype(np.float64)) == pytest.approx(expit(said.astype(np.float64)).mean(0), abs=1e-6)
    assert voted(list(-said)) == pytest.approx(-found, rel=1e-6, abs=1e-6)


def test_it_is_judged_as_a_whole_and_its_encoder_is_that_of_the_network(job):
    alone, both = METHODS["finetune"](job), METHODS["finetune"](together(job))
    assert isinstance(both.model, Consensus)
    valid = job.split.valid
    expected = score(job.metric, job.data.labels[valid], both.predict(valid), job.data.tasks)
    assert both.valid == expected.value
    states = (fitted.encoder.state_dict() for fitted in (alone, both))
    assert all((first == second).all() for first, second in zip(*(s.values() for s in states), strict=True))


def test_test_labels_have_no_part_in_it(job, data):
    assert np.isnan(job.data.labels[job.split.test]).all()
    other = data.labels.copy()
    other[job.split.test] = 1 - other[job.split.test]
    seen = replace(job, data=replace(data, labels=other))
    first, second = (METHODS["finetune"](together(each)).predict(EVERYTHING) for each in (job, seen))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("method", ["scratch", "equal", "tapweight", "aligned-joint", "two-level"])
def test_every_method_that_trains_a_network_can_have_a_forest_beside_it(job, method):
    name = f"{method}@forest=true"
    fitted = find_methods(name)[name](job)
    assert isinstance(fitted.model, Consensus)
    assert (fitted.weights is None) == (METHODS[method](job).weights is None)


@pytest.mark.parametrize("settings", ["fingerprints=true", "descriptors=true@fingerprints=true"])
def test_what_trees_alone_read_is_not_read_while_weights_are_learned(job, settings):
    """The head that judges the weights reads what the head that is fine-tuned in the end reads."""
    alone, beside = (
        find_methods(name)[name](job).history
        for name in (f"tapweight@{settings}", f"tapweight@{settings}@boosting=true")
    )
    assert repr(alone) == repr(beside)


@pytest.mark.parametrize("method", ["rf", "rf-descriptors", "gbdt", "probe"])
@pytest.mark.parametrize("trees", ["forest", "boosting"])
def test_a_method_without_a_network_takes_none(method, trees):
    with pytest.raises(ConfigError, match=f"method {method} does not take {trees}"):
        find_methods(f"{method}@{trees}=true")
