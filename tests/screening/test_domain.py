from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from safetensors.numpy import load, save

from molweight.errors import CheckpointError, DataError
from molweight.molecules.fingerprints import packed_ecfp4
from molweight.screening.domain import Domain, Neighbours

TRAINING = ["CCO", "CCCO", "CCCCO", "c1ccccc1", "Cc1ccccc1", "CCN", "CC(=O)O", "CC(=O)Nc1ccc(O)cc1", "CCO"]
QUERIES = ["OCC", "c1ccccc1C", "CCCCCCN", "[Na+].[Cl-]", "C1CC1", "CC(=O)Oc1ccccc1C(=O)O"]


def fingerprints(smiles):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in smiles]


def test_the_nearest_is_rdkits():
    found = Domain.fit(TRAINING).nearest(QUERIES)
    training = fingerprints(TRAINING)
    for i, query in enumerate(fingerprints(QUERIES)):
        similar = DataStructs.BulkTanimotoSimilarity(query, training)
        assert found.similarity[i] == max(similar)
        assert found.index[i] == similar.index(max(similar))


def test_of_equally_near_molecules_the_first_is_named():
    assert Domain.fit(["CCCC", "CCO", "OCC", "C(O)C"]).nearest(["CCO"]).index.tolist() == [1]


def test_the_threshold_is_a_quantile_of_leave_one_out_similarities():
    training = fingerprints(TRAINING)
    nearest = [
        max(DataStructs.TanimotoSimilarity(one, other) for j, other in enumerate(training) if j != i)
        for i, one in enumerate(training)
    ]
    assert Domain.fit(TRAINING).threshold == np.quantile(nearest, 0.05)


def test_inside_is_at_least_the_threshold():
    domain = Domain.fit(TRAINING)
    similarity = domain.nearest(QUERIES).similarity
    at_one = replace(domain, threshold=np.array(similarity[2]))
    assert np.array_equal(at_one.nearest(QUERIES).inside, similarity >= similarity[2])
    assert at_one.nearest(QUERIES).inside[2]
    assert not at_one.nearest(QUERIES).inside.all()


@settings(max_examples=40)
@given(
    arrays(np.uint8, st.tuples(st.integers(2, 6), st.just(256)), elements=st.sampled_from([0, 0, 1, 7, 255])),
    st.lists(st.sampled_from(QUERIES), max_size=4),
)
def test_any_bits_give_what_sets_of_bits_give(packed, smiles):
    found = Domain(packed, np.array(0.5)).nearest(smiles)
    training = [set(np.flatnonzero(bits)) for bits in np.unpackbits(packed, axis=1)]
    queries = [set(np.flatnonzero(bits)) for bits in np.unpackbits(packed_ecfp4(smiles), axis=1)]
    for i, query in enumerate(queries):
        similar = [len(query & each) / len(query | each) for each in training]
        assert found.similarity[i] == max(similar)
        assert found.index[i] == similar.index(max(similar))


def test_no_query_gives_empty_arrays():
    found = Domain.fit(TRAINING).nearest([])
    assert found.index.shape == found.similarity.shape == found.inside.shape == (0,)


def test_too_few_or_bad_molecules_are_refused():
    with pytest.raises(DataError, match="two training molecules or more, got 1"):
        Domain.fit(["C"])
    with pytest.raises(DataError, match="molecule 1: 'C1CC'"):
        Domain.fit(TRAINING).nearest(["C", "C1CC"])


def test_a_domain_and_its_answers_come_back_from_a_file():
    domain = Domain.fit(TRAINING)
    again = Domain.from_arrays(load(save(domain.arrays())))
    answers = domain.nearest(QUERIES), again.nearest(QUERIES)
    restored = Neighbours.from_arrays(load(save(answers[0].arrays())))
    for name, array in answers[0].arrays().items():
        assert np.array_equal(array, answers[1].arrays()[name])
        assert np.array_equal(array, restored.arrays()[name])


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": np.array(np.nan)},
        {"threshold": np.array(1.5)},
        {"threshold": np.array([0.5])},
        {"fingerprints": np.zeros((1, 256), np.uint8)},
        {"fingerprints": np.zeros((3, 255), np.uint8)},
        {"fingerprints": np.zeros((3, 256), np.int8)},
    ],
)
def test_a_changed_file_is_refused(change):
    with pytest.raises(CheckpointError):
        Domain.from_arrays(Domain.fit(TRAINING).arrays() | change)
