from itertools import accumulate, pairwise

import pytest
import torch
from described import GRAPH_FIELDS
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import Store, store_from_smiles
from molweight.molecules.vocabulary import BOND_DIRECTIONS, BOND_TYPES, SELF_LOOP

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C1CCCCCCCCC1", "*c1ccccc1", "C[C@H](N)C#N"]
STORE = store_from_smiles(SMILES)
TYPES = {Chem.BondType.SINGLE: 0, Chem.BondType.DOUBLE: 1, Chem.BondType.TRIPLE: 2, Chem.BondType.AROMATIC: 3}
DIRECTIONS = {Chem.BondDir.NONE: 0, Chem.BondDir.ENDUPRIGHT: 1, Chem.BondDir.ENDDOWNRIGHT: 2}
DERIVED = ("molecule", "first_atom", "receiver", "bond_counts")
Entry = tuple[int, int, int]  # neighbour, type, direction
subsets = st.lists(st.integers(0, len(SMILES) - 1), min_size=1, max_size=6)


def rows_by_rdkit(mol: Chem.Mol, first: int) -> list[set[Entry]]:
    rows = [{(first + a, SELF_LOOP, 0)} for a in range(mol.GetNumAtoms())]
    for bond in mol.GetBonds():
        u, v = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        features = TYPES[bond.GetBondType()], DIRECTIONS[bond.GetBondDir()]
        rows[u].add((first + v, *features))
        rows[v].add((first + u, *features))
    return rows


def one_by_one(store: Store, chosen: list[int]) -> dict[str, list]:
    """The fields of a batch, copied out of the store by plain loops."""
    made: dict[str, list] = {name: [] for name in GRAPH_FIELDS} | {"row_offsets": [0]}
    for m in chosen:
        first, entry = len(made["atom_type"]), int(store.entry_offsets[m])
        atoms = range(int(store.atom_offsets[m]), int(store.atom_offsets[m + 1]))
        for number, atom in enumerate(atoms):
            made["atom_type"].append(int(store.atom_type[atom]))
            made["chirality"].append(int(store.chirality[atom]))
            row = [(first + number, SELF_LOOP, 0)]
            for _ in range(int(store.degree[atom])):
                code = int(store.bond[entry])
                row.append((first + int(store.neighbour[entry]), code // 3, code % 3))
                entry += 1
            made["neighbour"] += [neighbour for neighbour, _, _ in row]
            made["bond_type"] += [bond_type for _, bond_type, _ in row]
            made["bond_direction"] += [direction for _, _, direction in row]
            made["row_offsets"].append(len(made["neighbour"]))
        made["sizes"].append(len(atoms))
    return made


def rows_of(batch: GraphBatch) -> list[list[Entry]]:
    columns = (batch.neighbour, batch.bond_type, batch.bond_direction)
    entries = list(zip(*(c.tolist() for c in columns), strict=True))
    offsets = batch.row_offsets.tolist()
    return [entries[start:end] for start, end in pairwise(offsets)]


@settings(max_examples=30)
@given(subsets)
def test_a_batch_is_what_copying_one_by_one_gives(chosen):
    batch = collate(STORE, torch.tensor(chosen))
    for name, values in one_by_one(STORE, chosen).items():
        assert getattr(batch, name).tolist() == values
        assert getattr(batch, name).dtype == torch.int64


@settings(max_examples=30)
@given(subsets)
def test_a_batch_has_the_bonds_that_rdkit_sees(chosen):
    mols = [Chem.MolFromSmiles(SMILES[m]) for m in chosen]
    expected: list[set[Entry]] = []
    for mol in mols:
        expected += rows_by_rdkit(mol, len(expected))
    batch = collate(STORE, torch.tensor(chosen))
    rows = rows_of(batch)
    assert [set(row) for row in rows] == expected
    assert [row[0] for row in rows] == [(a, SELF_LOOP, 0) for a in range(batch.atoms)]
    assert batch.sizes.tolist() == [mol.GetNumAtoms() for mol in mols]


@settings(max_examples=20)
@given(subsets)
def test_the_adjacency_is_symmetric(chosen):
    batch = collate(STORE, torch.tensor(chosen))
    directed = [(u, *entry) for u, row in enumerate(rows_of(batch)) for entry in row]
    assert sorted(directed) == sorted((v, u, t, d) for u, v, t, d in directed)


@settings(max_examples=20)
@given(subsets)
def test_derived_values_are_counted_right(chosen):
    batch = collate(STORE, torch.tensor(chosen))
    assert batch.molecules == len(chosen)
    assert batch.molecule.tolist() == [m for m, size in enumerate(batch.sizes.tolist()) for _ in range(size)]
    assert batch.molecule[batch.first_atom].tolist() == list(range(len(chosen)))
    assert batch.first_atom.tolist() == [0, *accumulate(batch.sizes.tolist())][:-1]
    assert batch.bond_counts.dtype == torch.float32
    assert batch.receiver.tolist() == [atom for atom, row in enumerate(rows_of(batch)) for _ in row]
    for atom, row in enumerate(rows_of(batch)):
        types, directions = batch.bond_counts[atom].split([BOND_TYPES, BOND_DIRECTIONS])
        assert types.tolist() == [sum(t == k for _, t, _ in row) for k in range(BOND_TYPES)]
        assert directions.tolist() == [sum(d == k for *_, d in row) for k in range(BOND_DIRECTIONS)]


def test_awkward_molecules_can_share_a_batch(awkward):
    smiles = list(awkward.values())
    batch = collate(store_from_smiles(smiles), torch.arange(len(smiles)))
    assert batch.sizes.tolist() == [Chem.MolFromSmiles(s).GetNumAtoms() for s in smiles]


def test_a_batch_computes_what_is_derived_when_it_is_made():
    batch = collate(STORE, torch.arange(3))
    assert set(DERIVED) <= vars(batch).keys()


@pytest.mark.parametrize("name", [*GRAPH_FIELDS, *DERIVED])
def test_moving_to_a_device_keeps_everything(name):
    batch = collate(STORE.to("cpu"), torch.arange(3))
    moved = batch.to("cpu")
    assert moved is not batch
    assert torch.equal(vars(moved)[name], vars(batch)[name])
