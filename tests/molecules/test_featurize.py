import numpy as np
import pytest
from rdkit import Chem

from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES, DUMMY_ATOM

ORDINARY = [
    "CC(=O)Nc1ccc(O)cc1",
    "C/C=C\\C",
    "C/C=C/C#N",
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
    "c1ccc2[nH]ccc2c1",
]


def test_parsing_collects_every_failure_with_row_text_and_reason():
    parsed = parse_smiles(["CCO", "C1CC", None, "", 3.5, "CN(C)(C)(C)C", "c1cccc1", "O"], first_row=10)
    assert parsed.rows == [10, 17]
    assert [(r.row, r.text) for r in parsed.rejected] == [
        (11, "C1CC"), (12, ""), (13, ""), (14, ""), (15, "CN(C)(C)(C)C"), (16, "c1cccc1"),
    ]  # fmt: skip
    reasons = [r.reason for r in parsed.rejected]
    assert reasons[:4] == ["not valid SMILES", "empty", "empty", "empty"]
    assert "valence" in reasons[4]
    assert "kekulize" in reasons[5].lower()


def test_a_molecule_with_too_many_atoms_is_rejected():
    (rejected,) = parse_smiles(["C" * 32_768]).rejected
    assert "32768 atoms" in rejected.reason


def reference(smiles: str):
    """What DGL-LifeSci's featurisers for pretrained GINs make of a molecule."""
    pytest.importorskip("dgllife")
    from dgllife.utils import PretrainAtomFeaturizer, PretrainBondFeaturizer, mol_to_bigraph

    graph = mol_to_bigraph(
        Chem.MolFromSmiles(smiles),
        add_self_loop=True,
        node_featurizer=PretrainAtomFeaturizer(),
        edge_featurizer=PretrainBondFeaturizer(),
        canonical_atom_order=False,
    )
    source, target = (ends.tolist() for ends in graph.edges())
    features = (graph.edata[n].tolist() for n in ("bond_type", "bond_direction_type"))
    bonds = {e for e in zip(source, target, *features, strict=True) if e[0] != e[1]}
    return graph.ndata["atomic_number"].tolist(), graph.ndata["chirality_type"].tolist(), bonds


def ours(smiles: str):
    graphs = featurize_smiles([smiles])
    receiver = np.repeat(np.arange(len(graphs.atom_type)), graphs.degree)
    code = graphs.bond
    columns = (graphs.neighbour.tolist(), receiver.tolist(), (code // 3).tolist(), (code % 3).tolist())
    return graphs.atom_type.tolist(), graphs.chirality.tolist(), set(zip(*columns, strict=True))


@pytest.mark.parametrize("smiles", ORDINARY)
def test_same_integers_as_dgllife(smiles):
    assert ours(smiles) == reference(smiles)


def test_same_integers_as_dgllife_on_real_molecules(data_folder):
    import pandas as pd

    table = pd.read_csv(data_folder / "moleculenet" / "bbbp.csv.gz")
    checked = 0
    for smiles in parse_valid(table["smiles"].iloc[::20]):
        assert ours(smiles) == reference(smiles)
        checked += 1
    assert checked > 90


def parse_valid(texts):
    rejected = {r.row for r in parse_smiles(texts).rejected}
    return [text for row, text in enumerate(texts) if row not in rejected and len(text) > 3]


def test_awkward_molecules_stay_within_the_vocabulary(awkward_smiles):
    graphs = featurize_smiles([awkward_smiles])
    mol = Chem.MolFromSmiles(awkward_smiles)
    assert graphs.rejected == []
    expected = [a.GetAtomicNum() - 1 if a.GetAtomicNum() else DUMMY_ATOM for a in mol.GetAtoms()]
    assert graphs.atom_type.tolist() == expected
    assert max(graphs.atom_type) < ATOM_TYPES - 1
    assert max(graphs.chirality) < CHIRALITIES
    assert all(graphs.bond < 4 * BOND_DIRECTIONS)
    assert BOND_TYPES == 6
    assert graphs.degree.sum() == len(graphs.neighbour) == 2 * mol.GetNumBonds()
