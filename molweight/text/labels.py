"""The label column of a user's table of texts: classes or values, as numbers."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.screening.findings import Finding, counted
from molweight.screening.label_texts import MISSING
from molweight.tasks.data import TaskKind

Kind = Literal["auto", "classification", "regression"]
MOST_GRADES = 10  # different whole numbers that are taken for classes where nothing else is said
MOST_CLASSES = 200
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SHOWN = 8  # classes named in a finding


@dataclass(frozen=True)
class TextLabels:
    """The labels of all rows.

    Attributes:
        kind: of them.
        labels: float32 [rows], the number of the class or the value; NaN where there is none.
        classes: names in the order of their numbers; empty for values.
        findings: what was read into the texts.
    """

    kind: TaskKind
    labels: NDArray[np.float32]
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_labels(texts: Sequence[str], column: str, kind: Kind = "auto") -> TextLabels:
    """Read a column of labels.

    Left to itself, it takes them for values if all are numbers and some is no whole one or there are more
    than ten different ones, and for classes otherwise.

    Args:
        texts: of every row, as written.
        column: its name, for errors.
        kind: of the labels, where it is not to be found out.

    Raises:
        DataError: if all labels are missing or the same, one is no number where values are asked for, or
            there are too many classes.
    """
    stripped = [text.strip() for text in texts]
    filled = {row: text for row, text in enumerate(stripped) if text.lower() not in MISSING}
    if not filled:
        raise DataError(f"column {column!r}: every label is missing; check the column")
    numbers = {row: float(text) for row, text in filled.items() if _NUMBER.fullmatch(text)}
    found = _guessed(filled, numbers) if kind == "auto" else kind
    how = "guessed from the labels; --kind says otherwise" if kind == "auto" else "as asked"
    about = Finding("Kind of task", f"{column}: {found} ({how}).")
    if found == "regression":
        return TextLabels(found, _values(filled, numbers, len(stripped), column), (), (about,))
    return _classes(filled, numbers, len(stripped), column, about)


def _guessed(filled: dict[int, str], numbers: dict[int, float]) -> TaskKind:
    whole = all(value.is_integer() for value in numbers.values())
    few = len(set(numbers.values())) <= MOST_GRADES
    return "classification" if len(numbers) < len(filled) or (whole and few) else "regression"


def _values(filled: dict[int, str], numbers: dict[int, float], rows: int, column: str) -> NDArray[np.float32]:
    largest = float(np.finfo(np.float32).max)
    for row, text in filled.items():
        if row not in numbers or abs(numbers[row]) > largest:
            raise DataError(
                f"column {column!r}, row {row + 1} below the header: {text!r} is no number that can be "
                "used; correct it, leave it empty, or adapt with --kind classification"
            )
    if len(set(numbers.values())) < 2:
        raise DataError(
            f"column {column!r}: every label is {next(iter(filled.values()))!r}; nothing to learn"
        )
    labels = np.full(rows, np.nan, np.float32)
    labels[list(numbers)] = list(numbers.values())
    return labels


def _classes(
    filled: dict[int, str], numbers: dict[int, float], rows: int, column: str, about: Finding
) -> TextLabels:
    numeric = len(numbers) == len(filled)
    named = {row: f"{numbers[row]:g}" if numeric else text for row, text in filled.items()}
    counts = Counter(named.values())
    if len(counts) < 2:
        raise DataError(f"column {column!r}: every label is {next(iter(counts))!r}; two classes are needed")
    if len(counts) > MOST_CLASSES:
        raise DataError(
            f"column {column!r} has {len(counts)} different labels, more than {MOST_CLASSES} classes; "
            "name another column with --target" + (", or adapt with --kind regression" if numeric else "")
        )
    classes = tuple(sorted(counts, key=float) if numeric else sorted(counts))
    labels = np.full(rows, np.nan, np.float32)
    place = {name: number for number, name in enumerate(classes)}
    labels[list(named)] = [place[name] for name in named.values()]
    common = ", ".join(f"{name!r} ({counted(n, 'row')})" for name, n in counts.most_common(_SHOWN))
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    told = Finding("Classes", f"{column} has {len(classes)}: {common}{more}.")
    return TextLabels("classification", labels, classes, (about, told))
