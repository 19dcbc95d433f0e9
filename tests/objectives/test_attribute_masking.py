import math

import pytest
import torch

from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import mask_atoms
from molweight.molecules.vocabulary import MASK_ATOM
from molweight.objectives.graph.attribute_masking import AttributeMasking
from molweight.objectives.graph.corruption import choose_atoms

SMILES = ["C[C@H](N)C(=O)O", "CCCCCCCCCCCCCCCCCCCC", "F", "CC(=O)[O-].[Na+]"]


@pytest.fixture
def batch():
    return collate(store_from_smiles(SMILES), torch.arange(4))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_encoder_sees_the_mask_at_the_chosen_atoms_and_all_else_as_it_is(batch, recorder):
    encoder = recorder(torch.zeros(MASK_ATOM + 1, 4))
    AttributeMasking(4, rate=0.4)(encoder, batch, generator())
    (seen,), masked = encoder.seen, choose_atoms(batch, 0.4, generator())
    assert masked.any()
    assert not masked.all()
    assert (seen.atom_type[masked] == MASK_ATOM).all()
    assert (seen.chirality[masked] == 0).all()
    assert torch.equal(seen.atom_type[~masked], batch.atom_type[~masked])
    assert torch.equal(seen.chirality[~masked], batch.chirality[~masked])
    for name in ("row_offsets", "neighbour", "bond_type", "bond_direction", "sizes"):
        assert torch.equal(getattr(seen, name), getattr(batch, name))


def test_a_head_without_an_opinion_loses_the_logarithm_of_the_types(batch, recorder):
    objective = AttributeMasking(4)
    with torch.no_grad():
        objective.head.weight.zero_()
        objective.head.bias.zero_()
    loss = objective(recorder(torch.zeros(120, 4)), batch, generator())
    assert loss.item() == pytest.approx(math.log(119), rel=1e-6)


def test_the_type_of_a_masked_atom_does_not_change_its_representation():
    """Of every masked atom: nitrogen for carbon there changes the target and nothing else."""
    chains = [collate(store_from_smiles([text]), torch.tensor([0])) for text in ("CCCCCC", "NNNNNN")]
    objective = AttributeMasking(8, rate=0.99)  # ⌊0.99 · 6⌋ + 1: all six atoms
    torch.manual_seed(0)
    encoder = GIN(2, 8).eval()
    with torch.no_grad():
        objective.head.weight.zero_()
        objective.head.bias.zero_()
        objective.head.bias[5] = 3.0  # carbon
        losses = [objective(encoder, chain, generator()).item() for chain in chains]
        everything = torch.ones(6, dtype=torch.bool)
        seen = [encoder(mask_atoms(chain, everything)) for chain in chains]
    assert torch.equal(*seen)
    assert losses[1] - losses[0] == pytest.approx(3.0, rel=1e-5)
