import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import hop_distance, join, keep_atoms, keep_entries
from molweight.molecules.vocabulary import BOND_TYPES, SELF_LOOP

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C1CCCCCCCCC1", "*c1ccccc1", "CC#N"]
STORE = store_from_smiles(SMILES)
TYPES = {Chem.BondType.SINGLE: 0, Chem.BondType.DOUBLE: 1, Chem.BondType.TRIPLE: 2, Chem.BondType.AROMATIC: 3}
subsets = st.lists(st.integers(0, len(SMILES) - 1), min_size=1, max_size=6)


def graph_of(batch: GraphBatch) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(batch.atoms))
    graph.add_edges_from(zip(batch.receiver.tolist(), batch.neighbour.tolist(), strict=True))
    return graph


def entries(batch: GraphBatch) -> set[tuple[int, int, int]]:
    columns = (batch.receiver, batch.neighbour, batch.bond_type)
    return set(zip(*(c.tolist() for c in columns), strict=True))


def check_invariants(batch: GraphBatch) -> None:
    found = entries(batch)
    assert {(v, u, t) for u, v, t in found} == found
    assert len(found) == len(batch.neighbour)
    assert {(a, a, SELF_LOOP) for a in range(batch.atoms)} <= found
    assert int(batch.sizes.sum()) == batch.atoms
    assert int(batch.row_offsets[-1]) == len(batch.neighbour)


@settings(deadline=None, max_examples=30)
@given(subsets)
def test_collate_against_rdkit(chosen):
    batch = collate(STORE, torch.tensor(chosen))
    check_invariants(batch)
    expected, first = set(), 0
    for m in chosen:
        mol = Chem.MolFromSmiles(SMILES[m])
        for bond in mol.GetBonds():
            u, v = first + bond.GetBeginAtomIdx(), first + bond.GetEndAtomIdx()
            expected |= {(u, v, TYPES[bond.GetBondType()]), (v, u, TYPES[bond.GetBondType()])}
        first += mol.GetNumAtoms()
    expected |= {(a, a, SELF_LOOP) for a in range(first)}
    assert entries(batch) == expected
    assert batch.sizes.tolist() == [Chem.MolFromSmiles(SMILES[m]).GetNumAtoms() for m in chosen]
    assert batch.neighbour[batch.row_offsets[:-1]].tolist() == list(range(first))
    for atom in range(first):
        row = slice(batch.row_offsets[atom], batch.row_offsets[atom + 1])
        counts = torch.bincount(batch.bond_type[row], minlength=BOND_TYPES)
        assert batch.bond_counts[atom, :BOND_TYPES].tolist() == counts.tolist()
        assert batch.bond_counts[atom, BOND_TYPES:].sum() == counts.sum()


@settings(deadline=None, max_examples=30)
@given(subsets, st.integers(0, 2**31))
def test_induced_subgraphs_against_networkx(chosen, seed):
    batch = collate(STORE, torch.tensor(chosen))
    kept = torch.rand(batch.atoms, generator=torch.Generator().manual_seed(seed)) < 0.6
    part = keep_atoms(batch, kept)
    check_invariants(part)
    names = kept.nonzero().squeeze(1).tolist()
    expected = nx.relabel_nodes(graph_of(batch).subgraph(names), {old: new for new, old in enumerate(names)})
    assert set(graph_of(part).edges) == set(nx.Graph(expected).edges) or nx.utils.edges_equal(
        graph_of(part).edges, expected.edges
    )
    assert part.atom_type.tolist() == batch.atom_type[kept].tolist()
    assert part.molecules == batch.molecules


def test_dropped_bonds_leave_the_loops():
    batch = collate(STORE, torch.arange(len(SMILES)))
    none = keep_entries(batch, torch.zeros(len(batch.neighbour), dtype=torch.bool))
    check_invariants(none)
    assert len(none.neighbour) == batch.atoms
    assert entries(keep_entries(batch, torch.ones(len(batch.neighbour), dtype=torch.bool))) == entries(batch)


def test_joined_batches_are_one_collated():
    first, second = collate(STORE, torch.tensor([0, 2])), collate(STORE, torch.tensor([3, 1]))
    both, expected = join(first, second), collate(STORE, torch.tensor([0, 2, 3, 1]))
    for name in GraphBatch.__dataclass_fields__:
        assert torch.equal(getattr(both, name), getattr(expected, name))


@settings(deadline=None, max_examples=20)
@given(subsets, st.integers(0, 6), st.integers(0, 2**31))
def test_hop_distance_against_networkx(chosen, hops, seed):
    batch = collate(STORE, torch.tensor(chosen))
    sources = torch.rand(batch.atoms, generator=torch.Generator().manual_seed(seed)) < 0.1
    found = hop_distance(batch, sources, hops).tolist()
    roots = set(sources.nonzero().squeeze(1).tolist())
    lengths = nx.multi_source_dijkstra_path_length(graph_of(batch), roots) if roots else {}
    assert found == [min(lengths.get(atom, hops + 1), hops + 1) for atom in range(batch.atoms)]


@pytest.mark.parametrize("name", ["row_offsets", "neighbour", "sizes"])
def test_moving_to_a_device_keeps_everything(name):
    batch = collate(STORE, torch.arange(3))
    assert torch.equal(getattr(batch.to("cpu"), name), getattr(batch, name))
