"""What is asked of the predictions that calibration rests on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError


def check_finite(out_of_fold: NDArray[Any], labels: NDArray[np.float32]) -> None:
    """Refuse predictions that cannot be calibrated on, both [molecules, tasks].

    Raises:
        DataError: at the first labelled molecule whose prediction is not finite.
    """
    wrong = np.argwhere(~np.isnan(labels) & ~np.isfinite(out_of_fold))
    if len(wrong):
        row, task = wrong[0]
        raise DataError(
            f"molecule {row}, task {task}: the out-of-fold prediction is {out_of_fold[row, task]}; "
            "each labelled molecule needs one by the member that did not see it"
        )
