"""Stores with descriptors, computed at once and kept nowhere."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from molweight.molecules.batch import GraphBatch
from molweight.molecules.descriptors import rdkit_descriptors
from molweight.molecules.scaled_descriptors import standardised
from molweight.molecules.store import Store, store_from_smiles

# what makes up the graphs of a batch, without what it may carry beside them
BESIDE = ("descriptors", "fingerprints")
GRAPH_FIELDS = tuple(name for name in GraphBatch.__dataclass_fields__ if name not in BESIDE)


def descriptors_of(smiles: Sequence[str]) -> Tensor:
    return torch.from_numpy(standardised(rdkit_descriptors(smiles)))


def described_store(smiles: Sequence[str]) -> Store:
    return replace(store_from_smiles(smiles), descriptors=descriptors_of(smiles))
