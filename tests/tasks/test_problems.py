import math

import pytest
import torch
from torch import nn

from molweight.encoders.compute import Compute
from molweight.molecules.batch import collate
from molweight.molecules.fingerprints import ecfp4
from molweight.molecules.head_inputs import HeadInputs
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives
from molweight.solver.curvature import frozen_statistics
from molweight.tasks.data import labelled_batch
from molweight.tasks.losses import masked_loss
from molweight.tasks.problems import FinetuneProblem, PretrainProblem, start_at_base_rate


@pytest.fixture
def labelled(data):
    return labelled_batch(data.store, torch.from_numpy(data.labels), torch.arange(20))


class Draw(nn.Module):
    """The first number of the generator it is given."""

    def forward(self, encoder, batch, generator):
        return torch.rand((), generator=generator)


def test_finetune_loss_is_the_masked_loss_of_its_prediction(encoder, data, labelled, compute):
    problem = FinetuneProblem(encoder, 2, data.kind, compute).eval()
    predicted = problem.predict(labelled.graphs)
    assert predicted.shape == (20, 2)
    assert problem.loss(problem(labelled), labelled) == masked_loss(predicted, labelled.labels, data.kind)


def test_a_prediction_does_not_depend_on_the_molecules_beside_it(encoder, data, compute):
    problem = FinetuneProblem(encoder, 2, data.kind, compute).eval()
    together = problem.predict(collate(data.store, torch.arange(20)))
    alone = torch.cat([problem.predict(collate(data.store, torch.tensor([m]))) for m in range(20)])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("inputs", [HeadInputs(True), HeadInputs(False, True), HeadInputs(True, True)])
def test_what_a_head_reads_is_added_to_the_mean_over_atoms(inputs, encoder, data, labelled, compute):
    plain = FinetuneProblem(encoder, 2, data.kind, compute).eval()
    reading = FinetuneProblem(encoder, 2, data.kind, compute, inputs).eval()
    store = inputs.on(data.store, data.smiles)
    read = [torch.from_numpy(ecfp4(data.smiles)).float()] if inputs.fingerprints else []
    if inputs.descriptors:
        store.descriptors[3, 5] = math.nan  # no value is that of the mean, 0
        read.insert(0, store.descriptors.float().nan_to_num())
    assert reading.head.in_features == 16 + sum(each.shape[1] for each in read)
    with torch.no_grad():
        reading.head.weight[:, :16] = plain.head.weight
        reading.head.bias.copy_(plain.head.bias)
        found = reading.predict(collate(store, torch.arange(20)))
        own = torch.cat(read, 1) @ reading.head.weight[:, 16:].T
        assert torch.allclose(found, plain.predict(labelled.graphs) + own, atol=1e-4)
    with pytest.raises(
        ValueError, match=r"the store carries no (descriptors|fingerprints); make it by with_"
    ):
        reading.predict(labelled.graphs)


def test_every_objective_gives_its_loss_and_the_seed_decides_it(encoder, data, compute):
    problem = PretrainProblem(encoder, graph_objectives(16), compute)
    batch = collate(data.store, torch.arange(20))
    with frozen_statistics(problem):
        first, again, other = (
            {n: float(x.detach()) for n, x in problem(batch, s).items()} for s in (5, 5, 6)
        )
    assert list(first) == list(DEFAULT_GRAPH_OBJECTIVES)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_no_two_objectives_and_no_two_steps_share_random_numbers(encoder, compute):
    problem = PretrainProblem(encoder, nn.ModuleDict({n: Draw() for n in "abcd"}), compute)
    drawn = [float(x) for seed in range(200) for x in problem(None, seed).values()]
    assert len(set(drawn)) == len(drawn)


def test_under_autocast_the_losses_and_predictions_are_still_single_precision(encoder, data, labelled):
    half = Compute(torch.device("cpu"), torch.bfloat16)
    finetune = FinetuneProblem(encoder, 2, data.kind, half)
    assert finetune.predict(labelled.graphs).dtype == torch.float32
    assert finetune(labelled).dtype == torch.float32
    losses = PretrainProblem(encoder, graph_objectives(16), half)(labelled.graphs, 0)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert all(math.isfinite(loss.detach()) for loss in losses.values())


def test_a_head_at_the_base_rate_predicts_the_mean_of_each_task():
    head = torch.nn.Linear(3, 3)
    labels = torch.tensor([[1.0, 0.0, 1.0], [1.0, float("nan"), 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    start_at_base_rate(head, labels, "classification")
    predicted = head(torch.randn(5, 3)).sigmoid()
    assert predicted.std(dim=0).max() < 1e-6
    assert predicted[0].tolist() == pytest.approx([3.5 / 5, 1.5 / 4, 4.5 / 5])
    start_at_base_rate(head, labels, "regression")
    assert head(torch.randn(5, 3)).abs().max() == 0


class Counting(nn.Module):
    """The encoder, and the batches it was shown."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.seen, self.width = encoder, [], encoder.width

    def forward(self, batch):
        self.seen.append(batch)
        return self.encoder(batch)


def test_objectives_that_share_a_view_take_one_pass_and_only_the_second_loss_changes(encoder, data, compute):
    batch = collate(data.store, torch.arange(20))
    found, passes = {}, {}
    for shared in (False, True):
        torch.manual_seed(0)
        problem = PretrainProblem(Counting(encoder), graph_objectives(16), compute, shared)
        with frozen_statistics(problem):
            found[shared] = {name: float(loss.detach()) for name, loss in problem(batch, 5).items()}
        passes[shared] = problem.encoder.seen
    assert len(passes[True]) == len(passes[False]) - 1
    assert any(seen is batch for seen in passes[False])
    assert not any(seen is batch for seen in passes[True])  # edge prediction reads the masked one
    changed = [name for name in DEFAULT_GRAPH_OBJECTIVES if found[True][name] != found[False][name]]
    assert changed == ["edge_prediction"]


def test_a_shared_view_gives_every_objective_its_gradient_in_the_encoder(encoder, data, compute):
    problem = PretrainProblem(encoder, graph_objectives(16), compute, shared_view=True)
    losses = problem(collate(data.store, torch.arange(20)), 5)
    for loss in losses.values():
        (found,) = torch.autograd.grad(loss, [encoder.node_embeddings[0].weight], retain_graph=True)
        assert found.norm() > 0


def test_a_shared_view_without_attribute_masking_is_the_batch_itself(encoder, data, compute):
    batch, losses = collate(data.store, torch.arange(20)), {}
    for shared in (False, True):
        torch.manual_seed(0)
        problem = PretrainProblem(encoder, graph_objectives(16, ["edge_prediction"]), compute, shared)
        with frozen_statistics(problem):
            losses[shared] = float(problem(batch, 5)["edge_prediction"].detach())
    assert losses[True] == losses[False]
