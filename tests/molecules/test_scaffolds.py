import joblib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

from molweight.errors import DataError
from molweight.molecules import scaffolds
from molweight.molecules.scaffolds import murcko_scaffold, scaffold_groups

CIS, TRANS = "OC1CC[C@@H]2CCCC[C@@H]2C1", "OC1CC[C@@H]2CCCC[C@H]2C1"  # decalins
DRUGS = ["CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1", "O=C1CN=C(c2ccccc2)c2cc(Cl)ccc2N1C"]
POOL = ["CCO", "C", "Cc1ccccc1", "Oc1ccccc1", "C1CC1C", CIS, TRANS, *DRUGS]


@pytest.mark.parametrize("smiles", [*DRUGS, CIS, "FC1CCC(CCc2ccccc2)CC1"])
def test_a_scaffold_is_rdkits(smiles):
    mol = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(mol)
    assert murcko_scaffold(smiles) == Chem.MolToSmiles(GetScaffoldForMol(mol))


def test_acyclic_molecules_share_the_empty_scaffold(awkward_smiles):
    mol = Chem.MolFromSmiles(awkward_smiles)  # named, for its ring info does not keep it alive
    assert (murcko_scaffold(awkward_smiles) == "") == (mol.GetRingInfo().NumRings() == 0)


def test_only_chirality_tells_stereoisomers_apart():
    assert murcko_scaffold(CIS) == murcko_scaffold(TRANS)
    assert murcko_scaffold(CIS, chirality=True) != murcko_scaffold(TRANS, chirality=True)
    assert scaffold_groups([CIS, TRANS]) == [[0, 1]]
    assert scaffold_groups([CIS, TRANS], chirality=True) == [[0], [1]]


def test_a_centre_that_the_scaffold_loses_does_not_count():
    ring = "c1ccc(C2CCCCC2)cc1"
    assert murcko_scaffold("F[C@H]1CC[C@@H](c2ccccc2)CC1", chirality=True) == ring
    assert murcko_scaffold("FC1CCC(c2ccccc2)CC1") == ring


@settings(max_examples=25)
@given(st.lists(st.sampled_from(POOL), max_size=25), st.booleans())
def test_groups_are_in_order_of_first_appearance(smiles, chirality):
    expected: dict[str, list[int]] = {}
    for position, text in enumerate(smiles):
        expected.setdefault(murcko_scaffold(text, chirality), []).append(position)
    assert scaffold_groups(smiles, chirality) == list(expected.values())


def test_chunks_give_the_groups_of_the_whole(monkeypatch):
    smiles = POOL * 4
    whole = scaffold_groups(smiles)
    monkeypatch.setattr(scaffolds, "_CHUNK", 7)
    with joblib.parallel_config(backend="threading"):
        assert scaffold_groups(smiles) == whole


def test_bad_smiles_are_refused_by_value_and_quietly(capfd):
    with pytest.raises(DataError, match=r"'C1CC' is not valid SMILES; set unparsable rows aside"):
        scaffold_groups(["C", "C1CC"])
    assert capfd.readouterr() == ("", "")
