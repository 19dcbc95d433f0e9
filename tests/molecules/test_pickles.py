import gzip
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import BondDir, BondType, ChiralType
from rdkit.rdBase import BlockLogs

from molweight.molecules import featurize
from molweight.molecules.featurize import featurize_molecules, featurize_smiles, read_molecules
from molweight.molecules.pickles import decode, readable
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.vocabulary import DUMMY_ATOM

CHIRALITY = {ChiralType.CHI_TETRAHEDRAL_CW: 1, ChiralType.CHI_TETRAHEDRAL_CCW: 2}
TYPE = {BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3}
DIRECTION = {BondDir.ENDUPRIGHT: 1, BondDir.ENDDOWNRIGHT: 2}
FIELDS = ("atoms", "entries", "atom_type", "chirality", "degree", "neighbour", "bond")

PLAIN = [
    "C",
    "[NH4+]",
    "[Na+].[Cl-]",
    "[CH2]C",  # a radical
    "[2H]C([2H])C",
    "[13C@H](F)(Cl)N",
    "[13CH3-]",
    "[N+]([O-])(=O)c1ccccc1",
    "C[C@H](N)C(=O)O",
    "C[N@@+](CC)(F)Cl",
    "C/C=C\\C",
    "F/C(Cl)=C(\\Br)/C=C/I",
    "C/1=C/CCCCCCCCC1",
    "C1CCCCCCCCC/C=C/1",
    "C1CCCCCCCCC\\C=C1",
    "C/C=N/O",
    "CC=CC",
    "[NH3]->[Fe+2]",
    "F[Pt@SP1](Cl)(Br)I",
    "F[As@TB1](Cl)(Br)(N)S",
    "[Mo]$[Mo]",
    "[H][H]",
    "[U]",
    "C" * 255,
    "C" * 256 + "/C=C/C",
    "C" * 997 + "/C=C/C",
    "C/C=C/" + "C" * 260,
    "c1ccc2[nH]ccc2c1",
]
ODD = [
    "*C",
    "[1*]C=C",
    "[CH3:3]C",
    "C[CH2:1000]/C=C/C",
    "C~C",
    "C[C@H:2](N)O",
    "*" * 260,
]


def loop(texts: list[str]) -> dict[str, list[int]]:
    """What a call of RDKit for every number gives, the bonds of an atom in RDKit's order of bonds."""
    made: dict[str, list[int]] = {name: [] for name in FIELDS}
    for mol in map(Chem.MolFromSmiles, texts):
        rows: list[list[tuple[int, int]]] = [[] for _ in mol.GetAtoms()]
        for bond in mol.GetBonds():
            code = 3 * TYPE.get(bond.GetBondType(), 0) + DIRECTION.get(bond.GetBondDir(), 0)
            rows[bond.GetBeginAtomIdx()].append((bond.GetEndAtomIdx(), code))
        for bond in mol.GetBonds():
            code = 3 * TYPE.get(bond.GetBondType(), 0) + DIRECTION.get(bond.GetBondDir(), 0)
            rows[bond.GetEndAtomIdx()].append((bond.GetBeginAtomIdx(), code))
        for atom in mol.GetAtoms():
            number = atom.GetAtomicNum()
            made["atom_type"].append(number - 1 if number else DUMMY_ATOM)
            made["chirality"].append(CHIRALITY.get(atom.GetChiralTag(), 0))
        made["atoms"].append(len(rows))
        made["entries"].append(sum(map(len, rows)))
        made["degree"] += map(len, rows)
        made["neighbour"] += [neighbour for row in rows for neighbour, _ in row]
        made["bond"] += [code for row in rows for _, code in row]
    return made


def columns(graphs) -> dict[str, list[int]]:
    return {name: getattr(graphs, name).tolist() for name in FIELDS}


def pickled(texts: list[str]) -> list[bytes]:
    return [Chem.MolFromSmiles(text).ToBinary(0) for text in texts]


def test_this_rdkit_is_a_known_one():
    """Else all that follows passes by the slow way."""
    assert readable(pickled(["C"])[0])


@pytest.mark.parametrize("text", PLAIN)
def test_a_molecule_is_read_without_asking(text):
    _, right = decode(pickled([text]))
    assert right.tolist() == [True]
    assert columns(featurize_smiles([text])) == loop([text])


@pytest.mark.parametrize("text", ODD)
def test_what_else_is_said_about_an_atom_leads_to_asking(text):
    columns_, right = decode(pickled([text]))
    assert right.tolist() == [False]
    mol = Chem.MolFromSmiles(text)
    assert (columns_.atoms.tolist(), columns_.bonds.tolist()) == ([mol.GetNumAtoms()], [mol.GetNumBonds()])
    assert columns(featurize_smiles([text])) == loop([text])


@settings(max_examples=100)
@given(st.lists(st.sampled_from(PLAIN + ODD), max_size=8))
def test_molecules_do_not_disturb_each_other(texts):
    assert columns(featurize_smiles(texts)) == loop(texts)


@settings(max_examples=100)
@given(st.sampled_from([text for text in PLAIN + ODD if len(text) < 100]), st.randoms(use_true_random=False))
def test_atoms_named_in_any_order(text, choice):
    with BlockLogs():
        mol = Chem.MolFromSmiles(text)
        shuffled = Chem.RenumberAtoms(mol, choice.sample(range(mol.GetNumAtoms()), mol.GetNumAtoms()))
        texts = [Chem.MolToSmiles(shuffled, canonical=False)]
        assert columns(featurize_smiles(texts)) == loop(texts)


def test_another_version_is_asked_about(monkeypatch):
    texts = [*PLAIN, *ODD]
    monkeypatch.setattr(featurize, "readable", lambda pickle: False)
    assert columns(featurize_smiles(texts)) == loop(texts)


@pytest.mark.parametrize("offset", [0, 8, 12, 16])
def test_another_header_is_no_known_version(offset):
    (pickle,) = pickled(["C"])
    assert not readable(pickle[:offset] + b"\x99" + pickle[offset + 1 :])
    assert not readable(b"")


def test_molecules_without_rings_perceived_are_asked_about():
    mol = Chem.MolFromSmiles("C1CC1O", sanitize=False)
    assert decode([mol.ToBinary(0)])[1].tolist() == [False]
    assert columns(featurize_molecules([mol], [0])) == loop(["C1CC1O"])


@settings(max_examples=200)
@given(st.sampled_from(PLAIN[:20]), st.data())
def test_bytes_that_are_no_molecule_are_read_without_harm(text, data):
    """Nothing is read beyond the content, and its neighbours come out whole."""
    (pickle,) = pickled([text])
    at = data.draw(st.integers(28, len(pickle) - 1))
    broken = pickle[:at] + bytes([data.draw(st.integers(0, 255))]) + pickle[at + 1 :]
    before, after = pickled(["CC=O", "OC#N"])
    found, right = decode([before, broken, after])
    assert right[[0, 2]].tolist() == [True, True]
    assert found.atomic_number[[0, 1, 2, -3, -2, -1]].tolist() == [6, 6, 8, 8, 6, 7]


def test_no_molecules_are_no_columns():
    found = read_molecules([])
    assert [len(found.atoms), len(found.bonds), found.ends.shape] == [0, 0, (2, 0)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chembl22_bioactive", "pubchem_100k", "zinc250k", "zinc_natural_products"])
def test_corpora_are_read_as_a_loop_reads_them(data_folder, name):
    (path,) = (data_folder / "unlabelled").glob(f"{name}*.smi.gz")
    with gzip.open(path, "rt") as lines:
        texts = random.Random(0).sample([line.split()[0] for line in lines if line.strip()], 3_000)
    bad = {r.row for r in parse_smiles(texts).rejected}
    texts = [text for row, text in enumerate(texts) if row not in bad]
    _, right = decode(pickled(texts))
    assert right.mean() > 0.99
    found = featurize_smiles(texts)
    for field, values in loop(texts).items():
        assert np.array_equal(getattr(found, field), values)
