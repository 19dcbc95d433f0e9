"""Parts are kept as soon as they are done."""

import numpy as np
import pytest

from molweight.errors import DataError
from molweight.run_folder import RunFolder
from molweight.transfer.by_parts import do_parts


def halved(value: float) -> np.ndarray:
    return np.array([value / 2, np.nan])


def fails() -> None:
    raise FloatingPointError("a loss is not finite")


@pytest.fixture
def kept(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin({"seed": 0}, resume=False, overwrite=False)
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_by_name_as_json_has_them(kept, jobs):
    # a function of NumPy's, for a worker cannot import test modules
    calls = [("a", np.sqrt, (np.array([1.0, 4.0]),)), ("b", np.sqrt, (np.array([9.0, np.nan]),))]
    found = do_parts(calls, kept, jobs, "square roots")
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], [3.0, np.nan])


def test_what_is_done_is_kept_when_a_later_part_fails_and_is_not_done_again(kept):
    with pytest.raises(FloatingPointError):
        do_parts([("a", halved, (1.0,)), ("b", fails, ())], kept, 1, "halving")
    found = do_parts([("a", fails, ()), ("b", halved, (3.0,))], kept, 1, "halving")
    assert found["a"][0] == 0.5


def test_a_damaged_part_is_named(kept):
    (kept.folder / "a.json").write_text("{")
    with pytest.raises(DataError, match=r"a\.json"):
        do_parts([("a", halved, (1.0,))], kept, 1, "halving")
