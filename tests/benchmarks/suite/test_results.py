from pathlib import Path

import numpy as np
import pytest
from suite_folder import MadeUp, make_suite

from molweight.benchmarks.suite.results import read_asked, read_set
from molweight.errors import DataError

CHIRAL = "chiral-scaffold"
MADE = MadeUp(sets=("sider",), methods=("rf", "finetune"), splits=(CHIRAL,), seeds=2, begun=("sider",))


@pytest.fixture
def folder(tmp_path) -> Path:
    return make_suite(tmp_path, MADE)


def read(folder: Path):
    return read_set(folder, read_asked(folder), "sider", CHIRAL)


def test_what_was_written_is_read(folder):
    found = read(folder)
    assert (found.name, found.metric.name, len(found.tasks)) == ("sider", "roc_auc", 3)
    assert found.predictions("rf").keys() == found.outcomes["rf"].keys() == found.labels.keys() == {0, 1}
    assert found.outcomes["rf"][0].test.left_out == ("task 2",)
    assert read_set(folder, read_asked(folder), "bbbp", CHIRAL) is None


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(DataError, match=r"holds no suite\.json"):
        read_asked(tmp_path)
    (tmp_path / "suite.json").write_text("{}")
    with pytest.raises(DataError, match="not a suite of this version"):
        read_asked(tmp_path)


def test_a_setting_of_another_version(folder):
    (folder / "sider" / CHIRAL / "setting.json").write_text('{"metric": "f1"}')
    with pytest.raises(DataError, match="not a setting of this version"):
        read(folder)


def spoil(name: str, values: np.ndarray | None = None, pickled: bool = False):
    def act(outcomes: Path) -> None:
        path = outcomes / name
        if values is None:
            path.unlink()
        elif pickled:
            np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
        else:
            np.save(path, values)

    return act


VALUES = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (spoil("rf-1.npy"), r"rf-1\.npy: not found"),
        (spoil("rf-1.npy", VALUES), r"rf-1\.npy: has a roc_auc of .* and the \.json beside it says"),
        (spoil("rf-1.npy", VALUES[:70]), r"rf-1\.npy: not \(80, 3\) finite values"),
        (spoil("rf-1.npy", np.full_like(VALUES, np.nan)), "finite values"),
        (spoil("rf-1.npy", VALUES, pickled=True), r"rf-1\.npy: cannot be read"),
        (spoil("labels-0.npy"), r"labels-0\.npy: not found"),
        (spoil("labels-0.npy", VALUES[:, :1]), r"labels-0\.npy: is of shape \(80, 1\)"),
    ],
)
def test_predictions_and_labels_that_do_not_fit_are_refused(folder, act, says):
    act(folder / "sider" / CHIRAL / "outcomes")
    with pytest.raises(DataError, match=says):
        read(folder)


def test_a_failure_counts_until_there_is_an_outcome(tmp_path):
    made = MadeUp("sider", ("rf",), (CHIRAL,), 2, begun=("sider",), failed={("sider", "rf", 1): "no memory"})
    folder = make_suite(tmp_path, made)
    asked = read_asked(folder)
    found = read_set(folder, asked, "sider", CHIRAL)
    assert (found.errors["rf"], found.outcomes["rf"].keys()) == ({1: "no memory"}, {0})
    outcomes = folder / "sider" / CHIRAL / "outcomes"
    (outcomes / "rf-0.failed.json").write_text('{"error": "earlier"}')
    assert read_set(folder, asked, "sider", CHIRAL).errors["rf"] == {1: "no memory"}
