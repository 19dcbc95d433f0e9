"""Prediction of a molecule's computed properties (Fabian et al., MolBERT, 2020: PhysChemPred)."""

import torch
from torch import Tensor, nn

from molweight.encoders.compute import at_least_float32
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import GraphBatch, carried
from molweight.molecules.scaled_descriptors import DESCRIPTORS
from molweight.objectives.graph.corruption import mean_where


class DescriptorPrediction(nn.Module):
    """Squared error of RDKit's standardised descriptors, read off the mean over a molecule's atoms.

    Weight, polarity, lipophilicity, surface by charge, counts of rings and groups: what chemists describe
    molecules by, from the graph alone. The batch must carry them (see `with_descriptors`).

    Args:
        width: the encoder's.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, len(DESCRIPTORS))

    def forward(self, encoder: nn.Module, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the descriptors that have a value, a scalar; nothing is drawn.

        Raises:
            ValueError: if the batch carries no descriptors.
        """
        wanted = carried(batch.descriptors, "descriptors").float()
        predicted = at_least_float32(self.head(mean_readout(encoder(batch), batch)))
        known = ~wanted.isnan()
        error = predicted - wanted.nan_to_num()
        return mean_where(known, error.square())
