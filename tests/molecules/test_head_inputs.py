import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molweight.molecules.batch import collate
from molweight.molecules.fingerprints import ecfp4
from molweight.molecules.head_inputs import GRAPH_ALONE, HeadInputs, with_fingerprints
from molweight.molecules.padding import Sizes, collate_padded
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import join, keep_atoms

SMILES = ["CCO", "c1ccccc1C(=O)N", "[Na+].[Cl-]", "CC(C)(C)c1ccc(O)cc1"]
BOTH = HeadInputs(descriptors=True, fingerprints=True)
ALL = [GRAPH_ALONE, HeadInputs(descriptors=True), HeadInputs(fingerprints=True), BOTH]


@given(molecules=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_the_fingerprints_of_a_batch_are_those_of_its_molecules(molecules):
    store = with_fingerprints(store_from_smiles(SMILES), SMILES)
    assert store.fingerprints.shape == (4, 256)
    wanted, read = (
        torch.from_numpy(ecfp4([SMILES[m] for m in molecules])).float(),
        HeadInputs(fingerprints=True),
    )
    chosen = torch.tensor(molecules)
    batch = collate(store, chosen)
    padded = collate_padded(store, chosen, Sizes.of(store).capacity(torch.arange(4).repeat(8), 8))
    whole = keep_atoms(batch, torch.ones(batch.atoms, dtype=torch.bool))
    for each in (batch, padded, whole, batch.to("cpu")):
        assert torch.equal(read.of(each, torch.clone)[0], wanted)
    assert torch.equal(read.of(join(batch, batch), torch.clone)[0], torch.cat([wanted, wanted]))


@pytest.mark.parametrize("inputs", ALL)
def test_a_store_gets_what_is_asked_for_and_batches_have_its_columns(inputs):
    store = store_from_smiles(SMILES)
    assert HeadInputs.carried_by(store) == GRAPH_ALONE
    carrying = inputs.on(store, SMILES)
    assert HeadInputs.carried_by(carrying) == inputs
    batch = collate(carrying, torch.arange(4))
    columns = inputs.of(batch, lambda descriptors: -descriptors.nan_to_num())
    assert sum(each.shape[1] for each in columns) == inputs.width
    assert all(torch.isfinite(each).all() for each in columns)
    if inputs.descriptors:
        assert torch.equal(columns[0], -batch.descriptors.nan_to_num())
    assert HeadInputs.of_width(inputs.width) == inputs


def test_what_is_not_carried_cannot_be_read():
    batch = collate(store_from_smiles(SMILES), torch.arange(4))
    with pytest.raises(ValueError, match=r"no fingerprints; make it by with_fingerprints\(store, smiles\)"):
        HeadInputs(fingerprints=True).of(batch, torch.clone)


def test_a_width_that_no_inputs_have_is_refused():
    with pytest.raises(ValueError, match="no inputs of a head have 7 columns"):
        HeadInputs.of_width(7)
