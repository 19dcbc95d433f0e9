import numpy as np
import pytest

from molweight.benchmarks.transfer_sets import TRANSFER_SETS, find_table
from molweight.errors import DataError
from molweight.transfer.data import read_transfer

SIZES = {"kiba": (2068, 191), "davis": (68, 67), "chembl-dti": (23468, 339)}  # molecules, tasks
ACTIVE = {"kiba": 0.21, "davis": 0.25, "chembl-dti": 0.56}  # share, about


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFER_SETS)
def test_real_files_are_read(name, data_folder):
    path, reading = find_table(name, data_folder)
    data = read_transfer(path, reading)
    assert data.labels.shape == SIZES[name]
    assert np.nanmean(data.labels) == pytest.approx(ACTIVE[name], abs=0.1)


def test_a_missing_set_names_the_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("MOLWEIGHT_DATA", raising=False)
    with pytest.raises(DataError, match=r"kiba_wide.csv.gz: not found under .*dti"):
        find_table("kiba", tmp_path)
