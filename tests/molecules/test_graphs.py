import pytest
import torch

from molweight.errors import ConfigError, DataError
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.graphs import from_dgl, import_dgl, to_dgl
from molweight.molecules.store import store_from_smiles

dgl = pytest.importorskip("dgl", exc_type=ImportError)

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C"]


@pytest.fixture
def batch() -> GraphBatch:
    return collate(store_from_smiles(SMILES), torch.arange(4))


def test_round_trip(batch):
    back = from_dgl(to_dgl(batch))
    for name in GraphBatch.__dataclass_fields__:
        assert torch.equal(getattr(back, name), getattr(batch, name))


def test_features_are_not_copied(batch):
    graph = to_dgl(batch)
    assert graph.ndata["atomic_number"].data_ptr() == batch.atom_type.data_ptr()
    assert graph.edata["bond_type"].data_ptr() == batch.bond_type.data_ptr()
    assert from_dgl(graph).atom_type.data_ptr() == batch.atom_type.data_ptr()


def test_the_graph_can_be_taken_apart(batch):
    graphs = dgl.unbatch(to_dgl(batch))
    assert [g.num_nodes() for g in graphs] == batch.sizes.tolist()
    assert graphs[3].num_edges() == 4 + 2 * 3


@pytest.mark.parametrize("loops", [True, False])
def test_graphs_of_dgllife_are_accepted(loops, batch):
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
    assert torch.equal(found.bond_counts, expected.bond_counts)
    assert torch.equal(found.sizes, expected.sizes)


def test_a_missing_feature_is_named(batch):
    graph = to_dgl(batch)
    del graph.edata["bond_type"]
    with pytest.raises(DataError, match="lacks bond_type"):
        from_dgl(graph)


def test_a_missing_dgl_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dgl", None)
    with pytest.raises(ConfigError, match=r"dgl==1\.1\.3"):
        import_dgl()
