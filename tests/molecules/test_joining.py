import numpy as np
import pytest
import torch

from molweight.errors import DataError
from molweight.molecules import joining
from molweight.molecules.joining import joined
from molweight.molecules.store import store_from_smiles

FIELDS = ("rows", "atom_offsets", "entry_offsets", "atom_type", "chirality", "degree", "neighbour", "bond")
FIRST, SECOND = ["CCO", "c1ccccc1", "C", "[Na+].[Cl-]"], ["CC(=O)N", "C/C=C\\C", "C" * 300]


def test_joined_stores_are_the_store_of_the_joined_molecules():
    chosen = [(FIRST, [2, 0, 0]), (SECOND, [1, 0]), (FIRST, [])]
    parts = [(store_from_smiles(texts), np.array(which, np.int64)) for texts, which in chosen]
    found = joined(parts)
    wanted = store_from_smiles([texts[i] for texts, which in chosen for i in which])
    for field in FIELDS:
        assert torch.equal(getattr(found, field).long(), getattr(wanted, field).long()), field
        assert field == "neighbour" or getattr(found, field).dtype == getattr(wanted, field).dtype


def test_neighbours_beyond_a_byte_are_kept():
    parts = [(store_from_smiles(texts), np.array([which])) for texts, which in ((FIRST, 0), (SECOND, 2))]
    assert joined(parts).neighbour.max() == 299


def test_more_than_a_store_can_number_is_refused(monkeypatch):
    monkeypatch.setattr(joining, "LARGEST_OFFSET", 5)
    with pytest.raises(DataError, match="6 atoms are too many"):
        joined([(store_from_smiles(FIRST), np.array([0, 0]))])
