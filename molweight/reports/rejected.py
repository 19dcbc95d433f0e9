"""Rows that are not molecules, set aside in a file the user is told about."""

import csv
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from molweight.molecules.flat_graphs import Rejected
from molweight.paths import replacing


def write_rejected(rejected: Sequence[Rejected], sources: Sequence[tuple[str, int]], path: Path) -> None:
    """Write file, row (from 0 below the header), text and reason of each.

    Args:
        rejected: rows counted through all sources.
        sources: name and number of rows of each file that was read, in order.
        path: CSV file to write.
    """
    ends = list(accumulate(rows for _, rows in sources))
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "smiles", "reason"])
        for each in rejected:
            place = next(i for i, end in enumerate(ends) if each.row < end)
            row = each.row - (ends[place] - sources[place][1])
            writer.writerow([sources[place][0], row, each.text, each.reason])
