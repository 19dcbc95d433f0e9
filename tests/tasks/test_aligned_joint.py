from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from molweight.tasks import aligned_joint as module
from molweight.tasks.aligned_joint import TASK, aligned_joint, set_aligned
from molweight.tasks.gradients import encoder_rows
from molweight.tasks.job import fine_tuned
from molweight.tasks.problems import FinetuneProblem


def test_the_encoder_goes_with_the_task_and_each_head_along_its_own_gradient():
    params = {name: torch.zeros(2) for name in ("encoder.x", "head.w", "objectives.a.w", "objectives.b.w")}
    found = {
        TASK: {"encoder.x": torch.tensor([2.0, 0.0]), "head.w": torch.tensor([7.0, 7.0])},
        "a": {"encoder.x": torch.tensor([-3.0, 4.0]), "objectives.a.w": torch.tensor([1.0, 2.0])},
        "b": {"encoder.x": torch.tensor([0.3, 0.4]), "objectives.b.w": torch.tensor([3.0, 4.0])},
    }
    set_aligned(params, found)
    # a is turned to [0, 5] and shortened to [0, 2], b is as it was
    assert torch.allclose(params["encoder.x"].grad, torch.tensor([2.3, 2.4]))
    assert params["head.w"].grad.tolist() == [7, 7]
    assert params["objectives.a.w"].grad.tolist() == [1, 2]
    assert params["objectives.b.w"].grad.tolist() == [3, 4]


def test_no_step_opposes_the_task_and_some_would_have(job, monkeypatch):
    seen = []

    def spy(params, found):
        set_aligned(params, found)
        rows = encoder_rows(found, params)
        taken = encoder_rows({"taken": {name: p.grad for name, p in params.items()}}, params)[0]
        seen.append(((rows[1:] @ rows[0]).min(), taken @ rows[0] - rows[0] @ rows[0]))

    monkeypatch.setattr(module, "set_aligned", spy)
    aligned_joint(job)
    assert len(seen) == 4  # two steps in each of two epochs
    assert min(float(before) for before, _ in seen) < 0
    assert all(float(gained) > -1e-4 for _, gained in seen)


def test_where_every_objective_is_shortened_to_nothing_it_is_fine_tuning(job, monkeypatch):
    monkeypatch.setattr(module, "turned", lambda cosines, *_: (0 * cosines, 0 * cosines))
    budget = replace(job.budget, finetune=replace(job.budget.finetune, dropout=0.0))
    job, everything = replace(job, budget=budget), np.arange(20)
    joint, plain = aligned_joint(job).predict(everything), fine_tuned(job.checkpoint, job).predict(everything)
    assert joint == pytest.approx(plain, rel=1e-3, abs=1e-3)


def test_running_statistics_follow_the_labelled_molecules_alone(job, monkeypatch):
    moved = []
    original = FinetuneProblem.forward

    def spy(self, batch):
        before = self.encoder.gnn_layers[0].bn.running_mean.clone()
        found = original(self, batch)
        moved.append((before, self.encoder.gnn_layers[0].bn.running_mean.clone()))
        return found

    monkeypatch.setattr(FinetuneProblem, "forward", spy)
    aligned_joint(job)
    assert all(torch.equal(after, before) for (_, after), (before, _) in pairwise(moved))
    assert not torch.equal(*moved[0])
