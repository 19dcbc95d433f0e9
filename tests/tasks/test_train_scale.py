import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from molweight.molecules.batch import collate
from molweight.molecules.head_inputs import HeadInputs
from molweight.molecules.scaled_descriptors import DESCRIPTORS, LIMIT
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.labelled import task_problem
from molweight.tasks.methods import tapweight
from molweight.tasks.metrics import RMSE, ROC_AUC
from molweight.tasks.problems import FinetuneProblem
from molweight.tasks.train_scale import TrainScale

DESCRIBED = HeadInputs(descriptors=True)


@pytest.fixture
def drawn():
    """Float16 [30, descriptors]: far from 0 and close together, some of them missing."""
    generator = torch.Generator().manual_seed(0)
    values = 0.1 * torch.randn(30, len(DESCRIPTORS), generator=generator) - 3
    missing = torch.rand(values.shape, generator=generator) < 0.1
    return values.masked_fill(missing, math.nan).half()


def test_the_unit_is_halfway_from_the_store_s_to_that_of_the_molecules_it_was_fitted_on(drawn):
    scale = TrainScale()
    scale.fit(drawn[:20])
    train = drawn[:20].numpy().astype(np.float64)
    expected = (drawn.numpy() - np.nanmean(train, 0)) / np.sqrt(np.nanstd(train, 0))
    expected = np.nan_to_num(expected.clip(-LIMIT, LIMIT))
    found = scale(drawn)
    assert found.dtype == torch.float32
    assert np.allclose(found.numpy(), expected, atol=1e-4)
    assert found[:20].std() == pytest.approx(0.1**0.5, rel=0.1)


def test_before_it_is_fitted_they_stay_on_the_scale_of_the_store(drawn):
    assert torch.equal(TrainScale()(drawn), drawn.float().nan_to_num())


def test_a_column_without_two_values_is_moved_to_the_mean_and_no_further(drawn):
    drawn[:20, 0], drawn[:20, 1], drawn[20:, :2] = 1.5, math.nan, 2.0
    scale = TrainScale()
    scale.fit(drawn[:20])
    found = scale(drawn)
    assert torch.isfinite(found).all()
    assert found[:20, 0].tolist() == [0] * 20
    assert found[20:, 0].tolist() == [0.5] * 10
    assert found[:20, 1].tolist() == [0] * 20
    assert found[20:, 1].tolist() == [2.0] * 10


def test_a_molecule_unlike_all_others_is_cut(drawn):
    scale = TrainScale()
    scale.fit(drawn[:20])
    assert (scale(torch.full_like(drawn, 10)) == LIMIT).all()
    assert (scale(torch.full_like(drawn, -10)) == -LIMIT).all()


def test_fine_tuning_takes_the_scale_of_its_train_molecules_and_of_no_other(encoder, data, parts, compute):
    metric = ROC_AUC if data.kind == "classification" else RMSE
    config = FinetuneConfig(epochs=1, patience=1, batch_size=6, descriptors=True)
    described = data.for_heads(DESCRIBED)
    model = finetune(encoder, described, parts["train"], parts["valid"], metric, config, compute, 0)
    train = described.store.descriptors[parts["train"]].double()
    assert torch.allclose(model.problem.scale.mean, train.nanmean(0).float())
    elsewhere = described.store.descriptors.clone()
    elsewhere[parts["test"]] = 5
    other = replace(described, store=replace(described.store, descriptors=elsewhere))
    again = finetune(encoder, other, parts["train"], parts["valid"], metric, config, compute, 0)
    for name, value in model.problem.state_dict().items():
        assert torch.equal(value, again.problem.state_dict()[name])


def test_the_problem_of_a_job_and_weights_that_are_learned_have_it_too(job, monkeypatch):
    seen = []
    monkeypatch.setattr(TrainScale, "fit", lambda self, descriptors: seen.append(descriptors))
    job = replace(job, budget=replace(job.budget, finetune=replace(job.budget.finetune, descriptors=True)))
    task_problem(job, job.checkpoint)
    tapweight(job)
    wanted = job.labelled.store.descriptors[job.split.train]
    assert len(seen) == 3  # the job's problem, level II, and fine-tuning
    assert all(torch.equal(each.nan_to_num(), wanted.nan_to_num()) for each in seen)


def test_a_head_that_reads_no_descriptors_has_no_scale(encoder, data, compute):
    problem = FinetuneProblem(encoder, 2, data.kind, compute, HeadInputs(fingerprints=True))
    problem.fit_scale(data.store, np.arange(3))
    assert not any(name.startswith("scale.") for name in problem.state_dict())
    reading = FinetuneProblem(encoder, 2, data.kind, compute, DESCRIBED)
    with pytest.raises(ValueError, match="the store carries no descriptors"):
        reading.fit_scale(data.store, np.arange(3))


def test_the_scale_is_not_learned_and_changes_what_is_predicted(encoder, data, compute):
    store = DESCRIBED.on(data.store, data.smiles)
    problem = FinetuneProblem(encoder, 2, data.kind, compute, DESCRIBED).eval()
    assert not any(name.startswith("scale.") for name, _ in problem.named_parameters())
    batch = collate(store, torch.arange(20))
    before = problem.predict(batch)
    problem.fit_scale(store, np.arange(20))
    assert not torch.allclose(problem.predict(batch), before)
