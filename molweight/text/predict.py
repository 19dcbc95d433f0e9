"""Predictions for every row of a table of texts, in its order and at bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.molecules.tables import Writer
from molweight.screening.predict import PROBLEM, check_coverage, significant
from molweight.text.model import TextAbout, TextModel, TextPredicted
from molweight.text.tables import TextChunk, TextFile
from molweight.text.tokenisable import UNREADABLE, tokenisable


@dataclass(frozen=True)
class TextCounts:
    """Rows that were read, those that could not be predicted, and those of which the end was cut off."""

    rows: int = 0
    problems: int = 0
    truncated: int = 0


def added_text_columns(about: TextAbout) -> list[str]:
    """What a prediction adds to a table, in order."""
    return [*predictions_table(about, nothing_predicted(about)).columns, PROBLEM]


def predict_texts_table(
    model: TextModel,
    source: TextFile,
    writer: Writer,
    coverage: float,
    advance: Callable[[int, int | None, str], None] = lambda done, total, remark: None,
) -> TextCounts:
    """Write every row of a table with its prediction; rows without text stay, with the reason.

    Args:
        model: what predicts.
        source: open for reading.
        writer: of the columns of the source and those that are added.
        coverage: of intervals and sets.
        advance: takes rows done, rows in all where known, and a remark.

    Raises:
        ConfigError: if the coverage cannot be.
        DataError: if a part of the table cannot be read or written.
    """
    check_coverage(coverage)
    counts = TextCounts()
    for chunk in source:
        table, truncated = predict_text_chunk(model, chunk, coverage)
        writer.write(table)
        counts = TextCounts(
            counts.rows + len(table),
            counts.problems + int((table[PROBLEM] != "").sum()),
            counts.truncated + truncated,
        )
        advance(counts.rows, source.rows, "")
    return counts


def predict_text_chunk(model: TextModel, chunk: TextChunk, coverage: float) -> tuple[pd.DataFrame, int]:
    """A chunk with the added columns, and how many of its texts were cut."""
    reasons = _problems(model, chunk)
    kept = np.array([place for place in range(len(chunk.texts)) if place not in reasons], np.int64)
    predicted = nothing_predicted(model.about)
    if len(kept):
        texts = [chunk.texts[i] for i in kept]
        pairs = None if chunk.pairs is None else [chunk.pairs[i] for i in kept]
        predicted = model.predict(texts, pairs, coverage)
    added = predictions_table(model.about, predicted).set_axis(kept).reindex(chunk.table.index)
    added[PROBLEM] = [reasons.get(place, "") for place in chunk.table.index]
    words = added.select_dtypes(exclude="number").columns
    added[words] = added[words].fillna("")
    return pd.concat([chunk.table, added], axis=1), predicted.truncated


def predictions_table(about: TextAbout, predicted: TextPredicted) -> pd.DataFrame:
    """A row for each text: the value and its interval, or the class, its set and all probabilities."""
    target = about.target
    if predicted.lower is not None and predicted.upper is not None:
        return pd.DataFrame(
            {
                f"prediction_{target}": significant(predicted.value[:, 0]),
                f"std_{target}": significant(predicted.spread[:, 0]),
                f"lower_{target}": significant(predicted.lower),
                f"upper_{target}": significant(predicted.upper),
            }
        )
    best = predicted.value.argmax(axis=1)
    columns: dict[str, object] = {
        f"prediction_{target}": pd.Series([about.classes[number] for number in best], dtype=object),
        f"probability_{target}": significant(_at(predicted.value, best)),
        f"std_{target}": significant(_at(predicted.spread, best)),
        f"set_{target}": _set_names(predicted.sets, about.classes),
    }
    for number, name in enumerate(about.classes):
        columns[f"probability_{target}_{name}"] = significant(predicted.value[:, number])
    return pd.DataFrame(columns)


def nothing_predicted(about: TextAbout) -> TextPredicted:
    """Predictions for no text at all."""
    none = np.zeros((0, len(about.classes) or 1))
    if about.kind == "regression":
        return TextPredicted(none, none, none[:, 0], none[:, 0], None, 0)
    return TextPredicted(none, none, None, None, np.zeros(none.shape, np.bool_), 0)


def _problems(model: TextModel, chunk: TextChunk) -> dict[int, str]:
    reasons = {place: "the text is empty" for place, text in enumerate(chunk.texts) if not text.strip()}
    for place, text in enumerate(chunk.pairs or ()):
        if not text.strip():
            reasons.setdefault(place, "the second text is empty")
    if model.tokeniser is None:
        return reasons
    rest = [place for place in range(len(chunk.texts)) if place not in reasons]
    texts = [chunk.texts[i] for i in rest]
    pairs = None if chunk.pairs is None else [chunk.pairs[i] for i in rest]
    readable = tokenisable(model.tokeniser, texts, pairs, model.about.max_length)
    return reasons | {place: UNREADABLE for place, fine in zip(rest, readable, strict=True) if not fine}


def _at(values: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.take_along_axis(values, columns[:, None], axis=1)[:, 0]


def _set_names(sets: NDArray[np.bool_] | None, classes: tuple[str, ...]) -> "pd.Series[str]":
    """Names of the classes of each set, with a bar between two; nothing for the empty set."""
    rows = () if sets is None else sets
    named = ([name for name, inside in zip(classes, row, strict=True) if inside] for row in rows)
    return pd.Series(list(map("|".join, named)), dtype=object)
