import gzip

import numpy as np
import pytest
import torch
from described import described_store, descriptors_of
from rdkit.Chem import Descriptors

from molweight.errors import DataError
from molweight.molecules.batch import collate
from molweight.molecules.descriptors import rdkit_descriptors
from molweight.molecules.padding import Sizes, collate_padded
from molweight.molecules.scaled_descriptors import DESCRIPTORS, LIMIT, SCALE, standardised, with_descriptors
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import join, keep_atoms, mask_atoms
from molweight.paths import cache_folder

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCO", "c1ccccc1", "C"]


def test_values_are_in_standard_deviations_from_the_mean():
    found = standardised(rdkit_descriptors(SMILES))
    assert found.shape == (len(SMILES), len(DESCRIPTORS))
    assert found.dtype == np.float16
    mean, std = SCALE["MolWt"]
    assert found[0, DESCRIPTORS.index("MolWt")] == pytest.approx((151.165 - mean) / std, abs=2e-3)
    assert all(std > 0 for _, std in SCALE.values())


def test_huge_molecules_are_cut_and_what_has_no_value_is_missing():
    found = standardised(rdkit_descriptors(["C" * 250, "[NH3]->[Fe+2]"]))
    assert found[0, DESCRIPTORS.index("MolWt")] == LIMIT
    assert np.nanmax(np.abs(found)) == LIMIT
    assert np.isnan(found[1, DESCRIPTORS.index("MaxPartialCharge")])


def test_the_scale_is_that_of_drug_like_molecules(data_folder):
    with gzip.open(data_folder / "unlabelled" / "chembl22_bioactive.smi.gz", "rt") as file:
        smiles = [line.split()[0] for line in file][::1500]  # neighbours in the file are alike
    values = standardised(rdkit_descriptors(smiles)).astype(np.float64)
    for name in ("MolWt", "TPSA", "MolLogP", "RingCount"):
        column = values[:, DESCRIPTORS.index(name)]
        assert abs(column.mean()) < 0.5
        assert 0.5 < column.std() < 1.5


def test_an_rdkit_that_lacks_one_is_refused(monkeypatch):
    raw = rdkit_descriptors(["C"])
    monkeypatch.setattr(Descriptors, "descList", [each for each in Descriptors.descList if each[0] != "TPSA"])
    with pytest.raises(DataError, match="no descriptor TPSA"):
        standardised(raw)


def test_a_store_gets_those_of_its_molecules_from_the_cache_the_second_time(monkeypatch):
    store = store_from_smiles(SMILES)
    found = with_descriptors(store, SMILES)
    assert torch.equal(found.descriptors, descriptors_of(SMILES))
    assert store.descriptors is None
    monkeypatch.setattr("molweight.molecules.descriptors.rdkit_descriptors", None)
    assert torch.equal(with_descriptors(store, SMILES).descriptors, found.descriptors)
    assert list((cache_folder() / "descriptors").iterdir())


def test_batches_carry_those_of_their_molecules():
    store, molecules = described_store(SMILES), torch.tensor([2, 0])
    wanted = descriptors_of(SMILES)[molecules]
    batch, sizes = collate(store, molecules), Sizes.of(store)
    padded = collate_padded(store, molecules, sizes.capacity(torch.arange(4), 4))
    for each in (batch, padded, batch.to("cpu")):
        assert torch.equal(each.descriptors, wanted)
    hidden = torch.zeros(batch.atoms, dtype=torch.bool)
    hidden[0] = True
    assert torch.equal(keep_atoms(batch, hidden).descriptors, wanted)
    assert torch.equal(mask_atoms(batch, hidden).descriptors, wanted)
    for pair in ((batch, batch), (padded, padded)):
        assert torch.equal(join(*pair).descriptors, torch.cat([wanted, wanted]))
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(join(*pair).descriptors, wanted.repeat(2, 1))
    assert collate(store_from_smiles(SMILES), molecules).descriptors is None
