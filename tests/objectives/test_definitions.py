"""Each objective against its definition."""

import networkx as nx
import pytest
import torch
import torch.nn.functional as F

from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import mask_atoms
from molweight.molecules.vocabulary import MASK_ATOM
from molweight.objectives.graph.attribute_masking import AttributeMasking
from molweight.objectives.graph.context_prediction import ContextPrediction
from molweight.objectives.graph.contrastive import nt_xent
from molweight.objectives.graph.corruption import choose_atom_each, choose_atoms, choose_bonds
from molweight.objectives.graph.edge_prediction import EdgePrediction, _adjacent

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCCCCCCCCCCC", "c1ccc2ccccc2c1", "C", "[Na+].[Cl-]", "CCO"]


@pytest.fixture
def batch():
    store = store_from_smiles(SMILES)
    return collate(store, torch.arange(len(store)))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.5, 0.99])
def test_choose_atoms_takes_its_quota_of_each_molecule(batch, rate):
    chosen = choose_atoms(batch, rate, generator())
    counts = torch.bincount(batch.molecule[chosen], minlength=batch.molecules)
    assert counts.tolist() == [int(rate * n) + 1 for n in batch.sizes.tolist()]


def test_choose_atoms_is_uniform(batch):
    hits = sum(choose_atoms(batch, 0.15, generator(seed)).double() for seed in range(3000)) / 3000
    first = hits[: int(batch.sizes[0])]
    assert torch.allclose(first, first.mean().expand_as(first), atol=0.04)


def test_choose_bonds_is_symmetric_and_has_its_rate(batch):
    total = 0.0
    for seed in range(400):
        chosen = choose_bonds(batch, 0.3, generator(seed))
        ends = list(zip(batch.receiver.tolist(), batch.neighbour.tolist(), chosen.tolist(), strict=True))
        if seed == 0:
            assert {(u, v, c) for u, v, c in ends} == {(v, u, c) for u, v, c in ends}
        total += float(chosen[batch.receiver < batch.neighbour].double().mean())
    assert total / 400 == pytest.approx(0.3, abs=0.02)


def test_one_atom_of_each_molecule(batch):
    drawn = torch.stack([choose_atom_each(batch, generator(seed)) for seed in range(200)])
    assert (batch.molecule[drawn] == torch.arange(batch.molecules)).all()
    assert len(drawn[:, 0].unique()) == int(batch.sizes[0])


def test_masked_atoms_cannot_be_seen():
    stores = store_from_smiles(["CCO", "CCN"])
    batches = [collate(stores, torch.tensor([i])) for i in range(2)]
    masked = torch.tensor([False, False, True])
    encoder = GIN(2, 8).eval()
    outputs = [encoder(mask_atoms(batch, masked)) for batch in batches]
    assert torch.equal(*outputs)
    assert mask_atoms(batches[0], masked).atom_type.tolist() == [5, 5, MASK_ATOM]


def test_attribute_masking_is_the_cross_entropy_of_the_masked_atoms(batch):
    encoder, objective = GIN(2, 8).eval(), AttributeMasking(8, rate=0.3)
    masked = choose_atoms(batch, 0.3, generator())
    h = encoder(mask_atoms(batch, masked))[masked]
    expected = F.cross_entropy(objective.head(h), batch.atom_type[masked])
    assert objective(encoder, batch, generator()) == expected


def test_nt_xent_against_its_definition():
    z, temperature = torch.randn(8, 5, dtype=torch.float64), 0.3
    total = 0.0
    for i in range(8):
        similarity = [F.cosine_similarity(z[i], z[j], dim=0).item() / temperature for j in range(8)]
        others = torch.tensor([s for j, s in enumerate(similarity) if j != i], dtype=torch.float64)
        total += float(others.logsumexp(0)) - similarity[(i + 4) % 8]
    assert nt_xent(z, temperature).item() == pytest.approx(total / 8, rel=1e-12)


def test_adjacency_test_knows_bonds_and_loops_from_the_rest(batch):
    atoms = torch.arange(batch.atoms)
    first, second = (t.reshape(-1) for t in torch.meshgrid(atoms, atoms, indexing="ij"))
    expected = set(zip(batch.receiver.tolist(), batch.neighbour.tolist(), strict=True))
    found = _adjacent(batch, first, second)
    pairs = zip(first.tolist(), second.tolist(), found.tolist(), strict=True)
    assert all(((u, v) in expected) == bonded for u, v, bonded in pairs)


def test_edge_prediction_learns_bonds_from_perfect_representations():
    """With one-hot atoms, each projected onto itself and its neighbours, bonds can be told exactly."""
    store = store_from_smiles(["CCCCCC"])
    batch = collate(store, torch.tensor([0]))
    objective = EdgePrediction(6)
    adjacency = torch.zeros(6, 6)
    adjacency[batch.receiver, batch.neighbour] = 1
    values, vectors = torch.linalg.eigh(40 * adjacency - 20)  # inner products 20 for bonds, -20 elsewhere
    with torch.no_grad():
        objective.head.weight.copy_(torch.eye(6))
        objective.head.bias.zero_()
    root = vectors * values.clamp(min=0).sqrt()
    learned = objective(lambda graphs: root, batch, generator())
    untrained = objective(lambda graphs: torch.zeros(6, 6), batch, generator())
    assert untrained.item() == pytest.approx(0.6931, abs=1e-3)
    assert learned < untrained


def test_context_radius_is_the_published_one_where_molecules_are_large_enough(batch):
    from molweight.molecules.subgraphs import hop_distance

    objective = ContextPrediction(8)
    centre = torch.zeros(batch.atoms, dtype=torch.bool)
    centre[batch.first_atom] = True
    radius, usable = objective._radius(batch, hop_distance(batch, centre, 7))
    graph = nx.Graph(zip(batch.receiver.tolist(), batch.neighbour.tolist(), strict=True))
    for molecule, first in enumerate(batch.first_atom.tolist()):
        reach = min(7, max(nx.single_source_shortest_path_length(graph, first).values()))
        assert usable[molecule] == (reach >= 2)
        if reach >= 2:
            assert radius[molecule] == min(5, reach - 1)
