import pytest
import torch
from described import described_store

from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.scaled_descriptors import DESCRIPTORS
from molweight.molecules.store import store_from_smiles
from molweight.objectives.graph.descriptor_prediction import DescriptorPrediction

SMILES = ["CC(=O)Nc1ccc(O)cc1", "[NH3]->[Fe+2]", "C", "CCCCCC"]  # the second has no partial charges


def batch_of(store) -> GraphBatch:
    return collate(store, torch.arange(len(store)))


def loss_of(objective: DescriptorPrediction, encoder: GIN, batch: GraphBatch) -> torch.Tensor:
    return objective(encoder, batch, torch.Generator())


def test_it_is_the_mean_squared_error_of_the_values_that_there_are():
    torch.manual_seed(0)
    encoder, objective, batch = GIN(2, 8).eval(), DescriptorPrediction(8), batch_of(described_store(SMILES))
    predicted = objective.head(mean_readout(encoder(batch), batch))
    errors = [
        (predicted[row, column].item() - wanted) ** 2
        for row, wanteds in enumerate(batch.descriptors.tolist())
        for column, wanted in enumerate(wanteds)
        if wanted == wanted
    ]
    assert 0 < len(errors) < len(SMILES) * len(DESCRIPTORS)
    assert loss_of(objective, encoder, batch).item() == pytest.approx(sum(errors) / len(errors), rel=1e-5)


def test_where_no_value_is_known_there_is_nothing_to_learn():
    encoder, objective, batch = GIN(2, 8), DescriptorPrediction(8), batch_of(described_store(SMILES))
    blank = batch.edit(descriptors=torch.full_like(batch.descriptors, torch.nan))
    loss = loss_of(objective, encoder, blank)
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for p in (*encoder.parameters(), *objective.parameters()))


def test_a_store_without_descriptors_is_refused():
    with pytest.raises(ValueError, match="with_descriptors"):
        loss_of(DescriptorPrediction(8), GIN(2, 8), batch_of(store_from_smiles(SMILES)))
