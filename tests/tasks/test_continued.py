from dataclasses import replace

import numpy as np
import pytest
import torch
from described import descriptors_of

from molweight.molecules.store import store_from_smiles
from molweight.objectives import GRAPH_OBJECTIVES
from molweight.tasks import continued
from molweight.tasks.continued import equal, random_weightings, start_pretraining, unlabelled
from molweight.tasks.data import Corpus
from molweight.tasks.methods import METHODS


def test_equal_weights_are_equal_and_leave_the_checkpoint_as_it_is(job):
    before = {name: value.clone() for name, value in job.checkpoint.state_dict().items()}
    fitted = equal(job)
    assert list(fitted.weights.values()) == [0.25] * 4
    assert all(torch.equal(value, before[name]) for name, value in job.checkpoint.state_dict().items())
    after = fitted.encoder.state_dict()
    assert not torch.equal(after["node_embeddings.0.weight"], before["node_embeddings.0.weight"])


@pytest.mark.parametrize("objective", GRAPH_OBJECTIVES)
def test_a_single_objective_is_pretrained_alone_whatever_the_job_names(job, objective):
    method = METHODS[f"single-{objective.replace('_', '-')}"]
    named = replace(job, objectives=("contrastive", "edge_prediction"))
    first, second = method(job), method(named)
    assert first.weights == {objective: 1.0}
    states = first.encoder.state_dict(), second.encoder.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    alone = equal(replace(job, objectives=(objective,))).encoder.state_dict()
    assert all(torch.equal(value, alone[name]) for name, value in states[0].items())


def test_the_best_of_random_weightings_is_taken_by_validation(job, monkeypatch):
    tried = []
    original = continued.at_weights
    monkeypatch.setattr(continued, "at_weights", lambda j, w: tried.append(original(j, w)) or tried[-1])
    found = random_weightings(job, draws=3)
    assert len({tuple(each.weights.values()) for each in tried}) == 3
    assert all(sum(each.weights.values()) == pytest.approx(1) for each in tried)
    best = max if job.metric.higher_is_better else min
    assert found.valid == best(each.valid for each in tried)


def test_random_weightings_are_others_with_another_seed(job):
    one = METHODS["random-1"]
    first, again, other = (one(replace(job, seed=seed)).weights for seed in (0, 0, 1))
    assert first == again != other


def test_a_corpus_takes_the_place_of_the_train_molecules(job):
    smiles = ["CCC", "CCCC"]
    corpus = Corpus(smiles, store_from_smiles(smiles))
    store, molecules = unlabelled(job, job.objectives)
    assert molecules.tolist() == job.split.train.tolist()
    assert len(store) == 20
    store, molecules = unlabelled(replace(job, corpus=corpus), job.objectives)
    assert molecules.tolist() == [0, 1]
    assert len(store) == 2


def test_heads_are_those_of_the_named_objectives(job):
    state = start_pretraining(job, ("contrastive",))
    assert list(state.problem.objectives) == ["contrastive"]
    assert np.isclose(state.optimiser.param_groups[0]["lr"], job.budget.reweight.loop.pretrain_lr)


@pytest.mark.parametrize("method", ["equal", "tapweight", "aligned-joint", "two-level", "upgrad"])
def test_every_way_of_pretraining_finds_the_descriptors(job, method):
    if method == "upgrad":
        pytest.importorskip("torchjd")
    objectives = ("contrastive", "descriptor_prediction")
    fitted = METHODS[method](replace(job, objectives=objectives))
    assert method == "aligned-joint" or tuple(fitted.weights) == objectives


def test_a_corpus_has_descriptors_of_its_own_molecules(job):
    smiles = ["CCC", "CCCC"]
    corpus = Corpus(smiles, store_from_smiles(smiles))
    store, _ = unlabelled(replace(job, corpus=corpus), ["descriptor_prediction"])
    assert torch.equal(store.descriptors, descriptors_of(smiles))
    assert unlabelled(job, ["contrastive"])[0].descriptors is None
