from itertools import pairwise

import networkx as nx
import torch
from described import GRAPH_FIELDS
from hypothesis import given, settings
from hypothesis import strategies as st

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import hop_distance, join, keep_atoms, keep_entries, mask_atoms
from molweight.molecules.vocabulary import MASK_ATOM, SELF_LOOP

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C1CCCCCCCCC1", "*c1ccccc1", "C[C@H](N)C#N"]
STORE = store_from_smiles(SMILES)
subsets = st.lists(st.integers(0, len(SMILES) - 1), min_size=1, max_size=6)
seeds = st.integers(0, 2**31)


def batch_of(chosen: list[int]) -> GraphBatch:
    return collate(STORE, torch.tensor(chosen))


def coin(length: int, share: float, seed: int) -> torch.Tensor:
    return torch.rand(length, generator=torch.Generator().manual_seed(seed)) < share


def rows_of(batch: GraphBatch) -> list[list[tuple[int, int, int]]]:
    """Neighbour, type and direction of every entry of every atom, in order."""
    columns = (batch.neighbour, batch.bond_type, batch.bond_direction)
    entries = list(zip(*(c.tolist() for c in columns), strict=True))
    offsets = batch.row_offsets.tolist()
    return [entries[start:end] for start, end in pairwise(offsets)]


def graph_of(batch: GraphBatch) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(batch.atoms))
    graph.add_edges_from((u, v, {"bond": (t, d)}) for u, row in enumerate(rows_of(batch)) for v, t, d in row)
    return graph


def check_invariants(batch: GraphBatch) -> None:
    rows = rows_of(batch)
    directed = sorted((u, *entry) for u, row in enumerate(rows) for entry in row)
    assert directed == sorted((v, u, t, d) for u, v, t, d in directed)
    assert len(directed) == len(set(directed)) == len(batch.neighbour)
    assert [row[0] for row in rows] == [(a, SELF_LOOP, 0) for a in range(batch.atoms)]
    assert int(batch.sizes.sum()) == batch.atoms == len(batch.chirality) == len(batch.molecule)
    assert torch.equal(torch.bincount(batch.molecule, minlength=batch.molecules), batch.sizes)


@settings(max_examples=30)
@given(subsets, seeds)
def test_an_induced_subgraph_is_what_row_by_row_copying_gives(chosen, seed):
    batch = batch_of(chosen)
    kept = coin(batch.atoms, 0.6, seed)
    part = keep_atoms(batch, kept)
    check_invariants(part)
    new = {old: number for number, old in enumerate(kept.nonzero().squeeze(1).tolist())}
    rows = rows_of(batch)
    assert rows_of(part) == [[(new[v], t, d) for v, t, d in rows[old] if v in new] for old in new]
    assert part.atom_type.tolist() == batch.atom_type[kept].tolist()
    assert part.chirality.tolist() == batch.chirality[kept].tolist()
    assert part.sizes.tolist() == [int(k.sum()) for k in kept.split(batch.sizes.tolist())]


@settings(max_examples=20)
@given(subsets, seeds)
def test_an_induced_subgraph_is_that_of_networkx(chosen, seed):
    batch = batch_of(chosen)
    names = coin(batch.atoms, 0.6, seed).nonzero().squeeze(1).tolist()
    kept = torch.zeros(batch.atoms, dtype=torch.bool)
    kept[names] = True
    new = {old: number for number, old in enumerate(names)}
    expected = nx.relabel_nodes(graph_of(batch).subgraph(names), new)
    assert nx.utils.graphs_equal(graph_of(keep_atoms(batch, kept)), expected)


@settings(max_examples=30)
@given(subsets, seeds)
def test_dropped_bonds_are_missing_and_nothing_else(chosen, seed):
    batch = batch_of(chosen)
    u, v = batch.receiver, batch.neighbour
    lower, upper = torch.minimum(u, v), torch.maximum(u, v)
    kept = coin(batch.atoms**2, 0.5, seed)[lower * batch.atoms + upper]  # the same for both entries of a bond
    part = keep_entries(batch, kept)
    check_invariants(part)
    expected, flags = [], iter(kept.tolist())
    for atom, row in enumerate(rows_of(batch)):
        pairs = [(entry, next(flags)) for entry in row]
        expected.append([entry for entry, stays in pairs if stays or entry[0] == atom])
    assert rows_of(part) == expected
    assert torch.equal(part.sizes, batch.sizes)


def test_dropping_every_bond_leaves_the_loops():
    batch = batch_of(list(range(len(SMILES))))
    none = keep_entries(batch, torch.zeros(len(batch.neighbour), dtype=torch.bool))
    check_invariants(none)
    assert len(none.neighbour) == batch.atoms
    everything = keep_entries(batch, torch.ones(len(batch.neighbour), dtype=torch.bool))
    assert rows_of(everything) == rows_of(batch)


def test_what_is_derived_belongs_to_the_edited_batch():
    batch = batch_of([0, 3])  # derived already
    part = keep_atoms(batch, batch.atom_type != 6)  # without nitrogen
    for atom, row in enumerate(rows_of(part)):
        assert part.bond_counts[atom].sum() == 2 * len(row)
    assert part.first_atom.tolist() == [0, 10]
    assert part.receiver.tolist() == [a for a, row in enumerate(rows_of(part)) for _ in row]


@settings(max_examples=30)
@given(subsets, subsets)
def test_joined_batches_are_one_collated(first, second):
    both, expected = join(batch_of(first), batch_of(second)), batch_of(first + second)
    for name in GRAPH_FIELDS:
        assert torch.equal(getattr(both, name), getattr(expected, name))
    assert torch.equal(both.molecule, expected.molecule)
    assert torch.equal(both.bond_counts, expected.bond_counts)


def test_a_molecule_may_be_left_without_atoms():
    batch = batch_of([1, 3, 2])
    part = keep_atoms(batch, batch.molecule != 1)
    both = join(part, batch_of([1]))
    check_invariants(both)
    assert both.sizes.tolist() == [1, 0, 2, 1]
    assert both.molecule.tolist() == [0, 2, 2, 3]


@settings(max_examples=30)
@given(subsets, st.integers(0, 6), seeds)
def test_hop_distance_is_that_of_networkx(chosen, hops, seed):
    batch = batch_of(chosen)
    sources = coin(batch.atoms, 0.1, seed)
    roots = set(sources.nonzero().squeeze(1).tolist())
    lengths = nx.multi_source_dijkstra_path_length(graph_of(batch), roots) if roots else {}
    expected = [min(lengths.get(atom, hops + 1), hops + 1) for atom in range(batch.atoms)]
    assert hop_distance(batch, sources, hops).tolist() == expected


@settings(max_examples=20)
@given(subsets, seeds)
def test_masked_atoms_lose_their_features_and_keep_their_bonds(chosen, seed):
    batch = batch_of(chosen)
    masked = coin(batch.atoms, 0.3, seed)
    hidden = mask_atoms(batch, masked)
    pairs = list(zip(masked.tolist(), batch.atom_type.tolist(), batch.chirality.tolist(), strict=True))
    assert hidden.atom_type.tolist() == [MASK_ATOM if m else t for m, t, _ in pairs]
    assert hidden.chirality.tolist() == [0 if m else c for m, _, c in pairs]
    assert rows_of(hidden) == rows_of(batch)


def test_a_masked_centre_does_not_tell_its_sense():
    batch = batch_of([6])
    centre = batch.chirality != 0
    assert centre.sum() == 1
    assert mask_atoms(batch, centre).chirality.sum() == 0
    assert torch.equal(mask_atoms(batch, ~centre).chirality, batch.chirality)
