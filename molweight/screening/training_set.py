"""A user's table as molecules with labels, and what was found and done on the way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.flat_graphs import Rejected
from molweight.screening.findings import Finding
from molweight.tasks.data import TaskData


@dataclass(frozen=True)
class TrainingSet:
    """Labelled molecules out of a table.

    Attributes:
        source: name of the table.
        data: molecules and labels.
        rows: int64 [molecules], the row of the table that each came from, from 0 below the header.
        classes: of each classification task, what 0 and 1 are called; empty for regression.
        findings: what a reader should know of the data.
        set_aside: rows that were left out, and why.
    """

    source: str
    data: TaskData
    rows: NDArray[np.int64]
    classes: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    set_aside: tuple[Rejected, ...]
