import math

import numpy as np
import pytest
import torch
from rdkit import Chem
from torch import nn

from molweight.encoders.gin import GIN
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.featurize import featurize_molecules
from molweight.molecules.store import store_from_smiles, store_of
from molweight.objectives.graph.edge_prediction import EdgePrediction

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCCCCCC", "C", "CC(=O)[O-].[Na+]", "CC(C)(C)C", "C1CC1"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_of(smiles: list[str]) -> GraphBatch:
    store = store_from_smiles(smiles)
    return collate(store, torch.arange(len(store)))


class Fixed(nn.Module):
    """In place of a GIN: the same representations whatever it is shown."""

    def __init__(self, h: torch.Tensor) -> None:
        super().__init__()
        self.h = nn.Parameter(h)

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        return self.h


def loss_of(gram: torch.Tensor, batch: GraphBatch, seed: int) -> torch.Tensor:
    """The loss of representations whose scaled inner products are those of a positive definite matrix."""
    width = len(gram)
    objective = EdgePrediction(width).double()
    with torch.no_grad():
        objective.head.weight.copy_(torch.eye(width))
        objective.head.bias.zero_()
    root = torch.linalg.cholesky(width**0.5 * gram)
    return objective(Fixed(root), batch, generator(seed)).detach()


def test_pairs_that_are_not_bonded_are_of_one_molecule_and_never_bonded_nor_an_atom_with_itself():
    """Inner products of 0 for the pairs that may be drawn and 60 for all others: another would cost 30."""
    batch = batch_of(SMILES)
    allowed = batch.molecule[:, None] == batch.molecule
    allowed[batch.receiver, batch.neighbour] = False  # bonds, and each atom with itself
    gram = 60.0 * (~allowed).double()
    smallest = torch.linalg.eigvalsh(gram)[0]
    gram += (1 - smallest) * torch.eye(batch.atoms, dtype=torch.float64)
    for seed in range(100):
        assert loss_of(gram, batch, seed).item() == pytest.approx(0.5 * math.log(2), rel=1e-9)


def test_every_bond_counts_once():
    """Each bond with an inner product of its own; pairs without a bond, at -60, cost nothing."""
    batch = batch_of(SMILES)
    bonded = batch.receiver < batch.neighbour
    u, v = batch.receiver[bonded], batch.neighbour[bonded]
    products = torch.linspace(-1, 1, len(u), dtype=torch.float64)
    gram = torch.full((batch.atoms, batch.atoms), -60.0, dtype=torch.float64)
    gram[u, v] = gram[v, u] = products
    gram += (1 - torch.linalg.eigvalsh(gram)[0]) * torch.eye(batch.atoms, dtype=torch.float64)
    expected = 0.5 * torch.nn.functional.softplus(-products).mean()
    assert loss_of(gram, batch, 0).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("smiles", ["C", "CC", "C1CC1"])
def test_where_all_atoms_are_bonded_there_is_nothing_to_learn(smiles):
    torch.manual_seed(0)
    encoder, objective = GIN(2, 8), EdgePrediction(8)
    loss = objective(encoder, batch_of([smiles]), generator())
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for m in (encoder, objective) for p in m.parameters())


def star(centre: int) -> GraphBatch:
    """Neopentane with its central atom at a place of choice."""
    mol = Chem.MolFromSmiles("C(C)(C)(C)C")
    order = np.insert(np.arange(1, 5), centre, 0).tolist()
    mol = Chem.RenumberAtoms(mol, order)
    assert mol.GetAtomWithIdx(centre).GetDegree() == 4
    return collate(store_of(featurize_molecules([mol], range(1))), torch.tensor([0]))


def test_either_atom_of_a_bond_may_be_the_one_that_the_other_pair_shares():
    """The centre of a star is bonded to all, a tip to one: their numbers must not decide who is asked."""
    gram = torch.eye(5, dtype=torch.float64)
    shares = []
    for centre in range(5):
        losses = torch.stack([loss_of(gram, star(centre), seed) for seed in range(250)])
        shares.append(float((losses > 0).double().mean()))
    # each of four bonds has a tip asked with 1/2, which then meets one of the three others with 3/5
    assert shares == pytest.approx([1 - (1 - 0.5 * 0.6) ** 4] * 5, abs=0.09)
