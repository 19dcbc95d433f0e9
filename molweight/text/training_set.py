"""A user's table as texts with labels, and what was found and done on the way."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.paths import replacing
from molweight.screening.findings import Finding
from molweight.text.cleaning import Rejected, clean_texts
from molweight.text.data import TextData
from molweight.text.labels import Kind, read_labels
from molweight.text.tables import find_column, open_texts

Readable = Callable[[Sequence[str], Sequence[str] | None], NDArray[np.bool_]]


@dataclass(frozen=True)
class TextTrainingSet:
    """Labelled texts out of a table.

    Attributes:
        source: name of the table.
        data: texts and labels.
        rows: int64 [texts], the row of the table that each came from, from 0 below the header.
        target: column of the labels.
        text_column: column of the texts.
        pair_column: column of the second texts, or None.
        findings: what a reader should know of the data.
        set_aside: rows that were left out, and why.
    """

    source: str
    data: TextData
    rows: NDArray[np.int64]
    target: str
    text_column: str
    pair_column: str | None
    findings: tuple[Finding, ...]
    set_aside: tuple[Rejected, ...]

    @property
    def digest(self) -> str:
        """Of the texts and labels that are used, by which two runs know the same data."""
        texts = "\0".join([*self.data.texts, *(self.data.pairs or ()), *self.data.classes])
        return sha256(texts.encode() + self.data.labels.tobytes()).hexdigest()[:16]


def load_text_training(
    path: Path,
    target: str,
    text_column: str | None = None,
    pair_column: str | None = None,
    kind: Kind = "auto",
    readable: Readable = lambda texts, pairs: np.ones(len(texts), np.bool_),
) -> TextTrainingSet:
    """Read a table of labelled texts, and clean it.

    Args:
        path: of the table, or - for CSV from standard input.
        target: column of labels.
        text_column: found by name or content where it is None.
        pair_column: column of the second text of each row, where rows are pairs.
        kind: of the labels; found out where it is auto.
        readable: from texts and their partners to whether an encoder can read each, bool [texts].

    Raises:
        DataError: if the table, a label or the texts cannot be used; the text says where and what to do.
    """
    file = open_texts(path, text_column, pair_column, (target,))
    find_column(file.columns, target, path, "--target")
    chunks = list(file)
    found = read_labels([label for chunk in chunks for label in chunk.table[target]], target, kind)
    texts = tuple(text for chunk in chunks for text in chunk.texts)
    pairs = None if pair_column is None else tuple(text for chunk in chunks for text in chunk.pairs or ())
    data = TextData(texts, pairs, found.labels, found.classes, found.kind)
    cleaned = clean_texts(data, readable(texts, pairs))
    guessed = [Finding("Column of texts", file.guessed)] if file.guessed else []
    return TextTrainingSet(
        path.name,
        cleaned.data,
        cleaned.rows,
        target,
        file.text_column,
        pair_column,
        (*guessed, *found.findings, *cleaned.findings),
        cleaned.set_aside,
    )


def write_rejected_texts(rejected: Sequence[Rejected], path: Path) -> None:
    """Write row (from 0 below the header), text and reason of each as CSV."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "text", "reason"])
        writer.writerows([each.row, each.text, each.reason] for each in rejected)
