from dataclasses import replace

import numpy as np
import pytest

from molweight.errors import ConfigError
from molweight.solver import LoopConfig
from molweight.tasks.budgets import BUDGETS, Budget
from molweight.tasks.finetune import FinetuneConfig
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


def test_fine_tuning_of_any_network_can_be_varied(job):
    name = "equal@average=2@lr=0.0003@head_steps=2"
    finetune = replace(job.budget.finetune, average=2, lr=3e-4)
    budget = Budget(finetune, replace(job.budget.reweight, head_steps=2))
    found, same = find_methods(name)[name](job), METHODS["equal"](replace(job, budget=budget))
    molecules = np.arange(20)
    assert np.array_equal(found.predict(molecules), same.predict(molecules))
    assert not np.array_equal(found.predict(molecules), METHODS["equal"](job).predict(molecules))


def test_every_setting_of_the_loop_and_its_batches_can_be_spelled():
    config = Budget(FinetuneConfig(20, 6), ReweightConfig(LoopConfig(steps=60), shared_view=True))
    parts = (config.finetune, config.reweight, config.reweight.loop)
    values = {name: value for part in parts for name, value in vars(part).items() if name != "loop"}
    spelled = {name: str(value).lower() for name, value in values.items() if value is not None}
    found = read_settings("@".join(f"{name}={value}" for name, value in spelled.items()))
    assert varied(BUDGETS["smoke"], found) == config
    assert len(values) == sum(len(vars(part)) for part in parts) - 1  # no name stands twice
    assert read_settings("weight_lr=0.5") == {"weight_lr": 0.5}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("equal@proximal=3", "method equal does not take proximal"),
        ("finetune@steps=3", "method finetune does not take steps"),
        ("rf@epochs=3", "method rf does not take epochs"),
        ("tapweight-folds@folds=3", "method tapweight-folds does not take folds"),
        ("nothing@steps=3", "unknown method 'nothing'"),
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
        ("tapweight@finetune_dropout=1", "finetune_dropout must be"),
        ("finetune@dropout=1", "dropout must be"),
        ("finetune@average=0", "average must be at least 1"),
        ("finetune@lr=inf", "lr must be positive"),
    ],
)
def test_what_no_variant_can_be_is_refused_at_once(name, told):
    with pytest.raises(ConfigError, match=told):
        find_methods(f"rf,{name}")
