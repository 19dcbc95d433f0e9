"""What the texts of one label column say: numbers, bounds, classes or nothing."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError

MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "null", "none"})
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_EXACT = re.compile(_NUMBER)
_VALUE = re.compile(rf"(?P<relation>>=|<=|=>|=<|[<>~≤≥≈])?\s*(?P<number>{_NUMBER})")
_WITH_COMMA = re.compile(r"(?:[<>~≤≥≈=]+\s*)?[+-]?[\d.]*,[\d.,]*\d(?:[eE][+-]?\d+)?")
_LARGEST = float(np.finfo(np.float32).max)
_PAIRS = (
    ("0", "1"), ("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("-", "+"),
    ("neg", "pos"), ("negative", "positive"), ("fail", "pass"), ("failed", "passed"), ("low", "high"),
)  # fmt: skip
_NEGATIONS = ("non", "not", "in", "im", "un", "no")


Class = tuple[str, list[int]]  # its first text as written, and its rows


@dataclass(frozen=True)
class LabelTexts:
    """The texts of a column, sorted out; rows count from 0.

    Attributes:
        numbers: float64 [rows], NaN where there is no exact number.
        bounds: of rows with a censored value, such as >10.
        missing: rows with a word for "no value", such as NA.
        classes: the negative and the positive one; None where the texts are no two opposites.
    """

    numbers: NDArray[np.float64]
    bounds: dict[int, float]
    missing: tuple[int, ...]
    classes: tuple[Class, Class] | None


def sort_labels(texts: Iterable[str], where: str) -> LabelTexts:
    """Read every text of a column.

    Args:
        texts: as they are written.
        where: begins an error: the column.

    Raises:
        DataError: if a text is none of these; it names the first such row and the remedy.
    """
    stripped = [text.strip() for text in texts]
    filled = {row: text for row, text in enumerate(stripped) if text.lower() not in MISSING}
    missing = tuple(row for row, text in enumerate(stripped) if text and text.lower() in MISSING)
    numbers = np.full(len(stripped), np.nan)
    bounds: dict[int, float] = {}
    words = _rows_of_words(filled)
    pair = _pair(words)
    if len(words) == 1 and not _VALUE.fullmatch(next(iter(filled.values()))):
        raise DataError(f"{where}: every label is {next(iter(filled.values()))!r}; two classes are needed")
    worded = pair is not None and pair != ("0", "1")
    allowed = {row for word in pair for row in words[word]} if pair is not None else set()
    for row, text in filled.items():
        if (found := _VALUE.fullmatch(text)) and not worded:
            value = _number(found["number"], row, where)
            if found["relation"]:
                bounds[row] = value
            else:
                numbers[row] = value
        elif row not in allowed:
            raise _unreadable(text, row, where)
    classes = None
    if pair is not None and len(words) == 2:
        negative, positive = ((filled[words[word][0]], words[word]) for word in pair)
        classes = (negative, positive)
    return LabelTexts(numbers, bounds, missing, classes)


def _number(text: str, row: int, where: str) -> float:
    if abs(float(text)) > _LARGEST:
        raise DataError(f"{where}, row {row + 1} below the header: {text!r} is too large; correct it")
    return float(text)


def _unreadable(text: str, row: int, where: str) -> DataError:
    place = f"{where}, row {row + 1} below the header: {text!r}"
    if _WITH_COMMA.fullmatch(text):
        return DataError(f"{place} has a comma; write numbers with a decimal point and no separators")
    return DataError(
        f"{place} is neither a number nor one of two classes (such as active and inactive); "
        "correct it, leave it empty, or write the classes as 0 and 1"
    )


def _rows_of_words(filled: Mapping[int, str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, text in filled.items():
        rows.setdefault(_word(text), []).append(row)
    return rows


def _pair(words: Collection[str]) -> tuple[str, str] | None:
    """The two opposites among the words, negative first."""
    for negative, positive in _PAIRS:
        if negative in words and positive in words:
            return negative, positive
    for positive in words:
        for prefix in _NEGATIONS:
            if positive.isalpha() and prefix + positive in words:
                return prefix + positive, positive
    return None


def _word(text: str) -> str:
    """The text without what people write differently: 1.0 is 1, Non-toxic is nontoxic."""
    if _EXACT.fullmatch(text):
        return f"{float(text):.17g}"
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", "", text.lower())
