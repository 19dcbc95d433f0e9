import numpy as np
import pytest

from molweight.errors import CheckpointError
from molweight.screening.stored import refuse_unless, stored


def test_an_array_that_fits_comes_back_itself():
    found = np.zeros((3, 2))
    assert stored({"a": found}, "a", np.float64, (None, 2)) is found


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((3, 2), np.float32), r"array 'a' is float32 \[3, 2\], not float64 \[any, 2\]"),
        (np.zeros((2, 3)), r"is float64 \[2, 3\], not"),
        (np.zeros(2), r"is float64 \[2\], not"),
        (np.zeros((1, 1, 2)), r"is float64 \[1, 1, 2\], not"),
    ],
)
def test_another_type_or_shape_is_refused(array, text):
    with pytest.raises(CheckpointError, match=text):
        stored({"a": array}, "a", np.float64, (None, 2))


def test_a_missing_array_is_named():
    with pytest.raises(CheckpointError, match="no array 'b' in the file"):
        stored({"a": np.zeros(1)}, "b", np.float64, (None,))


def test_values_that_cannot_be_are_refused():
    refuse_unless(True, "a", "is wrong")
    with pytest.raises(CheckpointError, match="array 'a' is wrong; the file was changed or damaged"):
        refuse_unless(False, "a", "is wrong")
