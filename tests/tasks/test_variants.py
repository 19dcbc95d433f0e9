from dataclasses import replace

import pytest

from molweight.errors import ConfigError
from molweight.solver import LoopConfig
from molweight.tasks.methods import METHODS, find_methods
from molweight.tasks.reweight import ReweightConfig
from molweight.tasks.variants import read_settings, varied


def test_a_variant_is_the_method_under_a_budget_of_those_settings(job):
    name = "tapweight@steps=4@warmup=1@normalise=false@valid_batch=8"
    loop = replace(job.budget.reweight.loop, steps=4, warmup=1, normalise=False)
    budget = replace(job.budget, reweight=replace(job.budget.reweight, loop=loop, valid_batch=8))

    found = find_methods(name)[name](job)
    assert len(found.history) == 4
    assert found.history == METHODS["tapweight"](replace(job, budget=budget)).history
    assert found.weights != METHODS["tapweight"](job).weights


def test_a_variant_keeps_what_its_method_is_known_for():
    (folds,) = find_methods("tapweight-folds@proximal=2").values()
    assert folds.keywords == {"folds": 5, "proximal": 2.0}
    (fewer,) = find_methods("tapweight-folds@folds=3").values()
    assert fewer.keywords == {"folds": 3}


def test_every_setting_of_the_loop_and_its_batches_can_be_spelled():
    config = ReweightConfig(LoopConfig(steps=60), shared_view=True)
    spelled = {
        name: str(value).lower()
        for settings in (vars(config), vars(config.loop))
        for name, value in settings.items()
        if name != "loop" and value is not None
    }
    found = read_settings("@".join(f"{name}={value}" for name, value in spelled.items()))
    assert varied(ReweightConfig(LoopConfig(steps=1)), found) == config
    assert read_settings("weight_lr=0.5") == {"weight_lr": 0.5}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("equal@steps=3", "only tapweight and those named after it"),
        ("nothing@steps=3", "only tapweight and those named after it"),
        ("tapweight@", "unknown setting ''"),
        ("tapweight@gamma=1", "unknown setting 'gamma'.*proximal"),
        ("tapweight@loop=1", "unknown setting 'loop'"),
        ("tapweight@steps=2.5", "cannot have 'steps=2.5'"),
        ("tapweight@steps", "cannot have 'steps'"),
        ("tapweight@proximal=nan", "proximal must be positive"),
        ("tapweight@normalise=no", "must be true or false"),
        ("tapweight@level2=newton", "best response must be"),
        ("tapweight@curvature=fisher", "curvature must be one of"),
        ("tapweight@valid_batch=0", "valid_batch must be at least 1"),
        ("tapweight@dropout=1", "dropout must be"),
    ],
)
def test_what_no_variant_can_be_is_refused_at_once(name, told):
    with pytest.raises(ConfigError, match=told):
        find_methods(f"rf,{name}")
