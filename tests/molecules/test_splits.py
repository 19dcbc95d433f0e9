import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molweight.errors import DataError
from molweight.molecules.scaffolds import murcko_scaffold, scaffold_groups
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.splits import SEEDED, SPLITTERS, scaffold_split

POOL = [
    "CCO", "CCCC", "CC(=O)O", "c1ccccc1", "Cc1ccccc1", "Oc1ccccc1", "C1CCCCC1", "CC1CCCCC1", "c1ccncc1",
    "Cc1ccncc1", "c1ccc2ccccc2c1", "C1CCNCC1", "O=C1CCCN1", "c1ccoc1", "c1ccsc1C", "C1CC1", "C1CCC1CC",
]  # fmt: skip


@pytest.mark.parametrize("kind", SPLITTERS)
@settings(deadline=None, max_examples=15)
@given(smiles=st.lists(st.sampled_from(POOL), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_every_molecule_is_in_one_part(kind, smiles, seed):
    split = SPLITTERS[kind](smiles, seed)
    together = np.concatenate([split.train, split.valid, split.test])
    assert sorted(together.tolist()) == list(range(len(smiles)))
    assert sum(split.sizes.values()) == len(smiles)


@pytest.mark.parametrize("kind", [k for k in SPLITTERS if "scaffold" in k])
def test_a_scaffold_is_never_divided(kind):
    smiles = POOL * 5
    split = SPLITTERS[kind](smiles, 3)
    parts = [{murcko_scaffold(smiles[i]) for i in part} for part in (split.train, split.valid, split.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


@pytest.mark.parametrize("kind", SPLITTERS)
def test_seeds_matter_only_where_they_should(kind):
    smiles = POOL * 5
    digests = {SPLITTERS[kind](smiles, seed).digest for seed in (0, 0, 1, 2)}
    assert len(digests) == (3 if kind in SEEDED else 1)


def test_digest_is_pinned():
    assert scaffold_split(POOL * 5).digest == "873e93f5bc85"


def test_same_indices_as_deepchem_on_bbbp(data_folder):
    deepchem = pytest.importorskip("deepchem")
    texts = pd.read_csv(data_folder / "moleculenet" / "bbbp.csv.gz")["smiles"].tolist()
    smiles = [texts[row] for row in parse_smiles(texts).rows]
    dataset = deepchem.data.NumpyDataset(np.zeros((len(smiles), 1)), ids=np.array(smiles))
    train, valid, test = deepchem.splits.ScaffoldSplitter().split(dataset)
    split = scaffold_split(smiles)
    assert split.train.tolist() == train
    assert split.valid.tolist() == valid
    assert split.test.tolist() == test
    assert split.sizes == {"train": 1631, "valid": 204, "test": 204}


def test_chirality_in_the_scaffold_divides_groups():
    smiles = ["O=C1N[C@H](C)CN1", "C[C@H]1CC[C@@H](N)CC1", "C1C[C@@H]2CC[C@H]1C2", "C1C[C@H]2CC[C@@H]1C2"]
    assert len(scaffold_groups(smiles, chirality=True)) >= len(scaffold_groups(smiles))
    assert murcko_scaffold("F[C@H]1CC[C@@H](c2ccccc2)CC1") == murcko_scaffold("FC1CCC(c2ccccc2)CC1")


def test_bad_smiles_are_refused_by_value():
    with pytest.raises(DataError, match="'C1CC'"):
        scaffold_split(["C", "C1CC"])
