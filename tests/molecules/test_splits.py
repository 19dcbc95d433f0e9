import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from molweight.errors import DataError
from molweight.molecules.scaffolds import murcko_scaffold
from molweight.molecules.smiles import parse_smiles
from molweight.molecules.splits import SEEDED, SPLITTERS, scaffold_split

POOL = [
    "CCO", "CCCC", "CC(=O)O", "c1ccccc1", "Cc1ccccc1", "Oc1ccccc1", "C1CCCCC1", "CC1CCCCC1", "c1ccncc1",
    "Cc1ccncc1", "c1ccc2ccccc2c1", "C1CCNCC1", "O=C1CCCN1", "c1ccoc1", "c1ccsc1C", "C1CC1", "C1CCC1CC",
]  # fmt: skip
ISOMERS = ["C1CC[C@@H]2CCCC[C@@H]2C1", "C1CC[C@@H]2CCCC[C@H]2C1"]  # cis- and trans-decalin
lists = st.lists(st.sampled_from(POOL + ISOMERS), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", SPLITTERS)
@settings(max_examples=15)
@given(smiles=lists, seed=st.integers(0, 9))
def test_every_molecule_is_in_one_part(kind, smiles, seed):
    split = SPLITTERS[kind](smiles, seed)
    together = np.concatenate([split.train, split.valid, split.test])
    assert sorted(together.tolist()) == list(range(len(smiles)))
    assert sum(split.sizes.values()) == len(smiles)


@pytest.mark.parametrize("kind", [k for k in SPLITTERS if "scaffold" in k])
@settings(max_examples=15)
@given(smiles=lists, seed=st.integers(0, 9))
def test_a_scaffold_is_never_divided(kind, smiles, seed):
    split, chirality = SPLITTERS[kind](smiles, seed), kind == "chiral-scaffold"
    scaffolds = [
        {murcko_scaffold(smiles[i], chirality) for i in part}
        for part in (split.train, split.valid, split.test)
    ]
    assert sum(map(len, scaffolds)) == len(set.union(*scaffolds))


def by_hu(smiles: list[str], chirality: bool) -> list[list[int]]:
    """`scaffold_split` of the authors' `chem/splitters.py`, with RDKit's scaffolds."""
    sets: dict[str, list[int]] = {}
    for i, text in enumerate(smiles):
        sets.setdefault(MurckoScaffoldSmiles(smiles=text, includeChirality=chirality), []).append(i)
    train, valid, test = [], [], []
    for group in sorted(sets.values(), key=lambda x: (len(x), x[0]), reverse=True):
        if len(train) + len(group) > 0.8 * len(smiles):
            if len(train) + len(valid) + len(group) > (0.8 + 0.1) * len(smiles):
                test.extend(group)
            else:
                valid.extend(group)
        else:
            train.extend(group)
    return [train, valid, test]


@pytest.mark.parametrize("kind", ["scaffold", "chiral-scaffold"])
@settings(max_examples=15)
@given(smiles=lists)
def test_scaffold_splits_are_those_of_hu(kind, smiles):
    split = SPLITTERS[kind](smiles, 0)
    expected = by_hu(smiles, kind == "chiral-scaffold")
    assert [part.tolist() for part in (split.train, split.valid, split.test)] == expected


def test_chirality_changes_the_split():
    """Cis and trans together are the largest scaffold, apart the smallest ones."""
    smiles = ISOMERS * 3 + ["C1CC1"] * 5
    assert SPLITTERS["scaffold"](smiles, 0).train.tolist() == [0, 1, 2, 3, 4, 5]
    assert SPLITTERS["chiral-scaffold"](smiles, 0).train.tolist() == [6, 7, 8, 9, 10, 1, 3, 5]


@settings(max_examples=15)
@given(smiles=lists, seed=st.integers(0, 9))
def test_parts_have_the_sizes_of_their_kind(smiles, seed):
    n = len(smiles)
    by_scaffold, whole = (SPLITTERS[k](smiles, seed).sizes for k in ("random-scaffold", "random"))
    assert max(by_scaffold["valid"], by_scaffold["test"]) <= n // 10
    assert whole == {"train": int(0.8 * n), "valid": int(0.9 * n) - int(0.8 * n), "test": n - int(0.9 * n)}


def test_random_parts_are_not_in_order():
    split = SPLITTERS["random"](POOL * 5, 0)
    assert split.train.tolist() != sorted(split.train.tolist())


@pytest.mark.parametrize("kind", SPLITTERS)
def test_nothing_is_split_into_nothing(kind):
    assert SPLITTERS[kind]([], 0).sizes == {"train": 0, "valid": 0, "test": 0}


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


def test_bad_smiles_are_refused_by_value():
    with pytest.raises(DataError, match="'C1CC'"):
        scaffold_split(["C", "C1CC"])
