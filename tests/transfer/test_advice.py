import numpy as np

from molweight.run_folder import RunFolder
from molweight.transfer.advice import advise
from molweight.transfer.designs import TransferConfig
from molweight.transfer.engine import run_transfer

from .conftest import family

SMALL = TransferConfig(folds=3, points=3, smallest=8, largest=32, confirm=0)


def test_a_group_of_two_is_measured_as_its_pairs_were(tmp_path):
    kept = RunFolder(tmp_path / "parts")
    kept.begin({}, resume=False, overwrite=False)
    run = run_transfer(family(120), SMALL, kept, jobs=1)
    found = advise(run)
    assert found.groups == ((0, 1), (2,))
    pairs = [found.pairs.mean[0, 1], found.pairs.mean[1, 0]]
    np.testing.assert_allclose(found.over_own.mean[:2], pairs, atol=1e-6)
    np.testing.assert_allclose(found.expected[:2], pairs)
    assert found.over_own.mean[2] == 0
    np.testing.assert_allclose(found.over_everyone.mean[2], -found.everyone.mean[2], atol=1e-12)
