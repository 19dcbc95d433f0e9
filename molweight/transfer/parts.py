"""What each design does with one fold: the parts of a run, done and kept one by one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.transfer.designs import Design
from molweight.transfer.folds import Fold
from molweight.transfer.full import train_alone, train_context, train_helper
from molweight.transfer.scan import scan_alone, scan_context, scan_helper
from molweight.transfer.setting import Setting
from molweight.transfer.walk import walk_alone, walk_context, walk_helper

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Scores of one fold.

    Attributes:
        alone: of each task from its own samples, [own, tasks].
        helper: of each task with samples of one other, [own, other, tasks].
        context: of one task with samples of all others, [own, context], and how many these were, [context].
    """

    alone: Callable[[Setting, Fold], Array]
    helper: Callable[[Setting, Fold, int], Array]
    context: Callable[[Setting, Fold, int], tuple[Array, Array]]


PARTS: dict[Design, Parts] = {
    "efficient": Parts(scan_alone, scan_helper, scan_context),
    "full": Parts(train_alone, train_helper, train_context),
    "walk": Parts(walk_alone, walk_helper, walk_context),
}
