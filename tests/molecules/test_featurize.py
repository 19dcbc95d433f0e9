import subprocess
import sys

import numpy as np
import pytest
from rdkit import Chem

from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.vocabulary import ATOM_TYPES, BOND_DIRECTIONS, CHIRALITIES, DUMMY_ATOM

ORDINARY = [
    "CC(=O)Nc1ccc(O)cc1",
    "C/C=C\\C",
    "C/C=C/C#N",
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
    "c1ccc2[nH]ccc2c1",
]


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


@pytest.mark.parametrize("name", ["dummy", "dative", "square planar", "quadruple"])
def test_what_dgllife_refuses_is_featurised(name, awkward):
    with pytest.raises(ValueError, match="is not in list"):
        reference(awkward[name])
    assert featurize_smiles([awkward[name]]).rows.tolist() == [0]


@pytest.mark.parametrize(
    ("smiles", "types", "bonds"),
    [
        ("C", [5], set()),
        ("[Na+]", [10], set()),
        ("*C", [DUMMY_ATOM, 5], {(0, 1, 0, 0), (1, 0, 0, 0)}),
        ("[NH3]->[Fe+2]", [6, 25], {(0, 1, 0, 0), (1, 0, 0, 0)}),
        ("[Mo]$[Mo]", [41, 41], {(0, 1, 0, 0), (1, 0, 0, 0)}),
        ("N#CO", [6, 5, 7], {(0, 1, 2, 0), (1, 0, 2, 0), (1, 2, 0, 0), (2, 1, 0, 0)}),
        ("F/C=C", [8, 5, 5], {(0, 1, 0, 0), (1, 0, 0, 0), (1, 2, 1, 0), (2, 1, 1, 0)}),
    ],
)
def test_pinned_integers(smiles, types, bonds):
    """Among them what is not in the vocabulary: it becomes a single bond."""
    assert ours(smiles) == (types, [0] * len(types), bonds)


def test_square_planar_centres_count_as_unspecified():
    types, chirality, _ = ours("F[Pt@SP1](Cl)(Br)I")
    assert types == [8, 77, 16, 34, 52]
    assert chirality == [0] * 5


@pytest.mark.parametrize(("smiles", "tag"), [("N[C@H](C)O", 2), ("N[C@@H](C)O", 1)])
def test_tetrahedral_centres_have_their_sense(smiles, tag):
    assert ours(smiles)[1] == [0, tag, 0, 0]


def test_both_directions_of_a_double_bond_are_told_apart():
    directions = [{d for *_, d in ours(smiles)[2]} for smiles in ("C/C=C/C", "C/C=C\\C", "CC=CC")]
    assert directions == [{0, 1}, {0, 1, 2}, {0}]


def test_several_molecules_are_the_single_ones_end_to_end(awkward):
    smiles = list(awkward.values())
    together, single = featurize_smiles(smiles, first_row=5), [featurize_smiles([s]) for s in smiles]
    for name in ("atoms", "entries", "atom_type", "chirality", "degree", "neighbour", "bond"):
        assert getattr(together, name).tolist() == [x for g in single for x in getattr(g, name).tolist()]
    assert together.rows.tolist() == list(range(5, 5 + len(smiles)))


def test_nothing_to_featurise_gives_empty_arrays():
    graphs = featurize_smiles(["bad"])
    assert len(graphs.rows) == len(graphs.atom_type) == len(graphs.degree) == len(graphs.neighbour) == 0
    assert [r.row for r in graphs.rejected] == [0]


def test_workers_do_not_pay_for_torch():
    heavy = {"torch", "pandas", "dgl"}
    code = f"import sys, molweight.molecules.featurize; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_awkward_molecules_stay_within_the_vocabulary(awkward_smiles):
    graphs = featurize_smiles([awkward_smiles])
    mol = Chem.MolFromSmiles(awkward_smiles)
    assert graphs.rejected == []
    expected = [a.GetAtomicNum() - 1 if a.GetAtomicNum() else DUMMY_ATOM for a in mol.GetAtoms()]
    assert graphs.atom_type.tolist() == expected
    assert max(graphs.atom_type) < ATOM_TYPES - 1
    assert max(graphs.chirality) < CHIRALITIES
    assert all(graphs.bond < 4 * BOND_DIRECTIONS)
    assert graphs.degree.tolist() == [a.GetDegree() for a in mol.GetAtoms()]
    assert len(graphs.neighbour) == 2 * mol.GetNumBonds()
