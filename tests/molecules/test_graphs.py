import sys
from itertools import pairwise

import pytest
import torch
from described import GRAPH_FIELDS

from molweight.errors import ConfigError, DataError
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.graphs import ATOM_FEATURES, BOND_FEATURES, from_dgl, import_dgl, to_dgl
from molweight.molecules.store import store_from_smiles

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C"]


@pytest.fixture
def dgl():
    return pytest.importorskip("dgl", exc_type=ImportError)


@pytest.fixture
def batch() -> GraphBatch:
    return collate(store_from_smiles(SMILES), torch.arange(4))


def test_round_trip(dgl, batch):
    back = from_dgl(to_dgl(batch))
    for name in GRAPH_FIELDS:
        assert torch.equal(getattr(back, name), getattr(batch, name))


def test_features_are_not_copied(dgl, batch):
    graph = to_dgl(batch)
    back = from_dgl(graph)
    shared = [
        (graph.ndata["atomic_number"], batch.atom_type, back.atom_type),
        (graph.ndata["chirality_type"], batch.chirality, back.chirality),
        (graph.edata["bond_type"], batch.bond_type, back.bond_type),
        (graph.edata["bond_direction_type"], batch.bond_direction, back.bond_direction),
    ]
    for there, ours, returned in shared:
        assert there.data_ptr() == ours.data_ptr() == returned.data_ptr()


def rows_of(batch: GraphBatch) -> list[set[tuple[int, int, int]]]:
    """Neighbour, type and direction of every atom's entries, in whatever order they stand."""
    columns = (batch.neighbour, batch.bond_type, batch.bond_direction)
    entries = list(zip(*(c.tolist() for c in columns), strict=True))
    offsets = batch.row_offsets.tolist()
    return [set(entries[start:end]) for start, end in pairwise(offsets)]


def test_edges_in_any_order_keep_their_features(dgl, batch):
    order = torch.randperm(len(batch.neighbour), generator=torch.Generator().manual_seed(0))
    graph = dgl.graph((batch.neighbour[order], batch.receiver[order]), num_nodes=batch.atoms)
    graph.ndata["atomic_number"], graph.ndata["chirality_type"] = batch.atom_type, batch.chirality
    graph.edata["bond_type"] = batch.bond_type[order]
    graph.edata["bond_direction_type"] = batch.bond_direction[order]
    found = from_dgl(graph)
    assert rows_of(found) == rows_of(batch)
    assert torch.equal(found.bond_counts, batch.bond_counts)
    assert found.sizes.tolist() == [batch.atoms]  # one graph, for it is not batched


def test_only_the_missing_loops_are_added(dgl, batch):
    loops = batch.row_offsets[:-1]
    some = dgl.remove_edges(to_dgl(batch), loops[::3])
    some.set_batch_num_nodes(batch.sizes)
    found = from_dgl(some)
    assert rows_of(found) == rows_of(batch)
    assert len(found.neighbour) == len(batch.neighbour)
    assert torch.equal(found.sizes, batch.sizes)


def test_narrow_graphs_are_widened(dgl, batch):
    graph = to_dgl(batch).int()
    assert graph.idtype == torch.int32
    found = from_dgl(graph)
    for name in GRAPH_FIELDS:
        assert getattr(found, name).dtype == torch.int64
        assert torch.equal(getattr(found, name), getattr(batch, name))


def test_a_narrow_feature_is_widened(dgl, batch):
    graph = to_dgl(batch)
    graph.ndata["atomic_number"] = graph.ndata["atomic_number"].to(torch.uint8)
    assert torch.equal(from_dgl(graph).atom_type, batch.atom_type)


def test_the_graph_can_be_taken_apart(dgl, batch):
    graphs = dgl.unbatch(to_dgl(batch))
    assert [g.num_nodes() for g in graphs] == batch.sizes.tolist()
    assert graphs[3].num_edges() == 4 + 2 * 3


@pytest.mark.parametrize("loops", [True, False])
def test_graphs_of_dgllife_are_accepted(dgl, loops):
    pytest.importorskip("dgllife")
    from dgllife.utils import PretrainAtomFeaturizer, PretrainBondFeaturizer, smiles_to_bigraph

    chosen = [SMILES[0], SMILES[3]]
    graph = dgl.batch(
        [
            smiles_to_bigraph(
                smiles,
                add_self_loop=loops,
                node_featurizer=PretrainAtomFeaturizer(),
                edge_featurizer=PretrainBondFeaturizer(self_loop=loops),
                canonical_atom_order=False,
            )
            for smiles in chosen
        ]
    )
    found, expected = from_dgl(graph), collate(store_from_smiles(chosen), torch.arange(2))
    assert rows_of(found) == rows_of(expected)
    for name in ("atom_type", "chirality", "sizes", "bond_counts", "molecule"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("name", [*ATOM_FEATURES, *BOND_FEATURES])
def test_a_missing_feature_is_named(dgl, batch, name):
    graph = to_dgl(batch)
    del (graph.ndata if name in ATOM_FEATURES else graph.edata)[name]
    with pytest.raises(DataError, match=f"lacks {name}; set it as DGL-LifeSci"):
        from_dgl(graph)


def test_a_missing_dgl_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "dgl", None)
    with pytest.raises(ConfigError, match=r"dgl==1\.1\.3"):
        import_dgl()
