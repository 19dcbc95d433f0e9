"""Which rows of a user's table of texts are used, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.screening.findings import Finding, counted
from molweight.text.data import TextData
from molweight.text.tokenisable import UNREADABLE

FEWEST_OF_A_CLASS = 3  # one for each part
RARE = 10  # texts of a class: below, what is said of it is worth little
FEW = 50  # texts
FEWEST = 20


@dataclass(frozen=True)
class Rejected:
    """A row that is not used: its number from 0 below the header, its text and why."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class Cleaned:
    """What is left of a table.

    Attributes:
        data: texts and labels.
        rows: int64 [texts], the row that each came from.
        findings: what a reader should know.
        set_aside: rows that were left out.
    """

    data: TextData
    rows: NDArray[np.int64]
    findings: tuple[Finding, ...]
    set_aside: tuple[Rejected, ...]


def clean_texts(data: TextData, readable: NDArray[np.bool_] | None = None) -> Cleaned:
    """Set aside rows without readable text or label, copies, contradictions, and classes of one or two texts.

    Of texts that are the same but for spaces, the first stays if their classes agree, with the mean of
    their values; if their classes differ, none of them stays, since nobody knows which is right.

    Args:
        data: all rows of the table.
        readable: whether an encoder can read each; None where all can be read.

    Raises:
        DataError: if fewer than 20 texts or two classes are left.
    """
    reasons = _unusable(data, np.ones(len(data), np.bool_) if readable is None else readable)
    data, copies, findings = _without_copies(data, reasons)
    reasons |= copies
    reasons |= _single_classes(data, reasons)
    rows = np.array([row for row in range(len(data)) if row not in reasons], np.int64)
    kept = _renumbered(data.take(rows))
    if len(rows) < FEWEST:
        raise DataError(f"{counted(len(rows), 'usable text')}, and {FEWEST} are needed; label more")
    aside = tuple(Rejected(row, data.texts[row], reasons[row]) for row in sorted(reasons))
    return Cleaned(kept, rows, (*findings, *_about_numbers(kept), *_about_reasons(aside)), aside)


def _unusable(data: TextData, readable: NDArray[np.bool_]) -> dict[int, str]:
    reasons = {}
    pairs = data.pairs or data.texts
    for row, (text, pair, label) in enumerate(zip(data.texts, pairs, data.labels, strict=True)):
        if not text.strip():
            reasons[row] = "the text is empty"
        elif not pair.strip():
            reasons[row] = "the second text is empty"
        elif not readable[row]:
            reasons[row] = UNREADABLE
        elif np.isnan(label):
            reasons[row] = "there is no label"
    return reasons


def _without_copies(
    data: TextData, reasons: dict[int, str]
) -> tuple[TextData, dict[int, str], list[Finding]]:
    groups: dict[str, list[int]] = {}
    for row in range(len(data)):
        if row not in reasons:
            groups.setdefault(same_words(data, row), []).append(row)
    labels, mixed = data.labels.copy(), 0
    aside: dict[int, str] = {}
    findings: list[Finding] = []
    for first, *others in groups.values():
        same = (data.labels[others] == data.labels[first]).all()
        if same or data.kind == "regression":
            labels[first] = data.labels[[first, *others]].mean()
            aside |= dict.fromkeys(others, f"the same text as in row {first + 1}")
            mixed += not same
        else:
            names = sorted({data.classes[int(label)] for label in data.labels[[first, *others]]})
            aside |= dict.fromkeys([first, *others], f"the same text has the labels {' and '.join(names)}")
    if mixed:
        text = f"{counted(mixed, 'text')} came several times with different values: the mean was taken."
        findings.append(Finding("Differing values", text))
    return replace(data, labels=labels), aside, findings


def same_words(data: TextData, row: int) -> str:
    """What rows that are the same to a reader share: how many spaces there are does not count."""
    text = " ".join(data.texts[row].split())
    return text if data.pairs is None else f"{text}\n{' '.join(data.pairs[row].split())}"


def _single_classes(data: TextData, reasons: dict[int, str]) -> dict[int, str]:
    if data.kind == "regression":
        return {}
    left = [row for row in range(len(data)) if row not in reasons]
    counts = np.bincount(data.labels[left].astype(np.int64), minlength=len(data.classes))
    rare = {row: int(data.labels[row]) for row in left if counts[int(data.labels[row])] < FEWEST_OF_A_CLASS}
    return {
        row: f"class {data.classes[label]!r} has {counted(int(counts[label]), 'text')}, fewer than "
        f"{FEWEST_OF_A_CLASS}"
        for row, label in rare.items()
    }


def _renumbered(data: TextData) -> TextData:
    """Without the classes that have no text."""
    if data.kind == "regression":
        return data
    found, labels = np.unique(data.labels, return_inverse=True)
    if len(found) < 2:
        raise DataError("fewer than two classes have three texts or more; label more, or merge rare classes")
    return replace(
        data, labels=labels.astype(np.float32), classes=tuple(data.classes[int(label)] for label in found)
    )


def _about_numbers(data: TextData) -> list[Finding]:
    findings = []
    if len(data) < FEW:
        told = (
            f"{counted(len(data), 'usable text')}: scores on a tenth of so few are hardly more than chance."
        )
        findings.append(Finding("Few texts", told))
    each = ((name, int((data.labels == number).sum())) for number, name in enumerate(data.classes))
    rare = [f"{name!r} ({count})" for name, count in each if count < RARE]
    if rare:
        told = f"{', '.join(rare)} have fewer than {RARE} texts; their sets of classes mean little."
        findings.append(Finding("Rare classes", told))
    return findings


def _about_reasons(aside: Sequence[Rejected]) -> list[Finding]:
    """One for each kind of reason, with the number of rows."""
    titles = {
        "the text is empty": "Empty texts",
        "the second text is empty": "Empty second texts",
        UNREADABLE: "Texts that cannot be read",
        "there is no label": "Rows without a label",
        "the same text as": "Copies",
        "the same text has": "Contradictions",
        "class ": "Classes too rare to use",
    }
    findings = []
    for start, title in titles.items():
        if rows := [each for each in aside if each.reason.startswith(start)]:
            told = f"{counted(len(rows), 'row')} set aside, such as row {rows[0].row + 1}: {rows[0].reason}."
            findings.append(Finding(title, told, tuple(each.row for each in rows)))
    return findings
