"""Finding a text data set's files, and reading them into one table with the published parts."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.benchmarks.datasets import SourceFile
from molweight.benchmarks.loading import data_folders, file_content, locate
from molweight.benchmarks.text_data_sets import TEXT_DATA_SETS, TextDataSet
from molweight.benchmarks.text_layouts import Layout, TextRow, read_rows
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import Split
from molweight.tasks.data import TaskKind
from molweight.text.data import TextData

_TENTH_SEED = 0  # of the validation part that is drawn where none is published: the same for every run


@dataclass(frozen=True)
class TextLoaded:
    """A text data set as it was read.

    Attributes:
        data: texts and labels of all parts, train first, then validation, then test.
        split: where the parts are.
        paths: files that were read.
        sha256: of each file's uncompressed content.
        note: what differs from the published set, and how many texts of test are in the other parts.
    """

    data: TextData
    split: Split
    paths: tuple[Path, ...]
    sha256: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class _Part:
    rows: list[TextRow]
    path: Path


def find_text_data_set(name: str) -> TextDataSet:
    """The entry of that name.

    Raises:
        ConfigError: if there is none; the text suggests the nearest names.
    """
    if name in TEXT_DATA_SETS:
        return TEXT_DATA_SETS[name]
    near = difflib.get_close_matches(name.lower(), TEXT_DATA_SETS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(TEXT_DATA_SETS)}"
    raise ConfigError(f"unknown text data set {name!r}; {hint}")


def load_text_data_set(name: str, data_dir: Path | None = None) -> TextLoaded:
    """Find and read a text data set.

    Raises:
        ConfigError: if the name is unknown.
        DataError: if a file cannot be had or read, or has a label that train does not have.
    """
    entry = find_text_data_set(name)
    folders = data_folders(data_dir)
    train = _read(entry.train, entry.layout, folders)
    valid = _read(entry.valid, entry.layout, folders) if entry.valid else None
    test = _read(entry.test, entry.test_layout or entry.layout, folders)
    notes = [entry.note] if entry.note else []
    if entry.drop_shared:
        train, dropped = _without(train, test)
        notes.append(f"texts of train that test has too are set aside ({dropped})")
    parts = [part for part in (train, valid, test) if part is not None]
    data = _table(parts, entry.kind)
    split = _split(data, [len(part.rows) for part in parts])
    notes.append(_shared(data, split))
    paths = tuple(part.path for part in parts)
    digests = tuple(sha256(file_content(path)).hexdigest() for path in paths)
    return TextLoaded(data, split, paths, digests, "; ".join(notes))


def draw_train(
    split: Split, labels: NDArray[np.float32], count: int, seed: int, kind: TaskKind = "classification"
) -> Split:
    """The same split with a smaller train part, as where few texts have been labelled.

    Classes keep their shares, and each keeps one text at least. The validation part stays as it is
    unless it is larger than the new train part: someone with 100 labelled texts has no 1000 more to
    choose by, so it is then drawn down to the same size. The test part stays.

    Args:
        split: of the whole data set.
        labels: [texts].
        count: texts of train to keep.
        seed: each draws others.
        kind: of the labels; values are drawn without strata.

    Raises:
        ConfigError: if train is smaller than that, or has more classes than that.
    """
    if not 0 < count <= len(split.train):
        raise ConfigError(f"--train-size {count}: must be from 1 to {len(split.train)}, the texts of train")
    strata = labels if kind == "classification" else np.zeros_like(labels)
    if (classes := len(np.unique(strata[split.train]))) > count:
        raise ConfigError(f"--train-size {count}: train has {classes} classes, and each needs one text")
    rng = np.random.default_rng(seed)
    train = stratified_draw(strata, split.train, count, rng)
    valid = stratified_draw(strata, split.valid, min(count, len(split.valid)), rng)
    return Split(train, valid, split.test)


def stratified_draw(
    strata: NDArray[np.float32], texts: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Some of the texts, in rising order, with the strata's shares of all and one of each at least.

    Args:
        strata: of every text of the table.
        texts: positions to draw from, with at most `count` strata.
        count: how many to draw.
        rng: decides which.
    """
    found, sizes = np.unique(strata[texts], return_counts=True)
    chosen = [
        rng.choice(texts[strata[texts] == stratum], take, replace=False)
        for stratum, take in zip(found, _shares(sizes, count), strict=True)
    ]
    return np.sort(np.concatenate(chosen)) if chosen else texts


def _shares(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How many of each stratum: its share of `count` rounded, at least 1 and at most all of it."""
    share = sizes * count / max(1, sizes.sum())
    taken = np.clip(np.floor(share).astype(np.int64), 1, sizes)
    while taken.sum() < count:
        taken[np.argmax(np.where(taken < sizes, share - taken, -np.inf))] += 1
    while taken.sum() > count:
        taken[np.argmin(np.where(taken > 1, share - taken, np.inf))] -= 1
    return taken


def _read(source: SourceFile, layout: Layout, folders: Sequence[Path]) -> _Part:
    path = locate(source, folders, "text")
    return _Part(read_rows(path, layout), path)


def _without(part: _Part, other: _Part) -> tuple[_Part, int]:
    """The rows whose texts are not in the other part, and how many are."""
    seen = {_words(row.text, row.pair) for row in other.rows}
    rows = [row for row in part.rows if _words(row.text, row.pair) not in seen]
    return replace(part, rows=rows), len(part.rows) - len(rows)


def _table(parts: Sequence[_Part], kind: TaskKind) -> TextData:
    classes = tuple(sorted({row.label for row in parts[0].rows})) if kind == "classification" else ()
    if kind == "classification" and len(classes) < 2:
        raise DataError(f"{parts[0].path}: every label is {classes[0]!r}; two classes are needed")
    rows = [row for part in parts for row in part.rows]
    labels = [_label(row, classes, part.path) for part in parts for row in part.rows]
    pairs = None if rows[0].pair is None else tuple(row.pair or "" for row in rows)
    return TextData(tuple(row.text for row in rows), pairs, np.array(labels, np.float32), classes, kind)


def _label(row: TextRow, classes: tuple[str, ...], path: Path) -> float:
    """The number of the class, or the value where there are no classes."""
    if row.label in classes:
        return classes.index(row.label)
    try:
        value = float(row.label) if not classes else math.nan
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    expected = f"one of train's classes ({', '.join(classes)})" if classes else "a number"
    raise DataError(f"{path}: line {row.line} has the label {row.label!r}, which is not {expected}")


def _split(data: TextData, sizes: Sequence[int]) -> Split:
    """The parts one after the other; where there are two, a tenth of train is for validation."""
    starts = np.cumsum([0, *sizes])
    parts = [np.arange(a, b, dtype=np.int64) for a, b in pairwise(starts)]
    if len(parts) == 3:
        return Split(*parts)
    train, test = parts
    strata = data.labels if data.kind == "classification" else np.zeros_like(data.labels)
    rng = np.random.default_rng(_TENTH_SEED)
    kept = stratified_draw(strata, train, len(train) - len(train) // 10, rng)
    return Split(kept, np.setdiff1d(train, kept), test)


def _words(text: str, pair: str | None) -> str:
    """What rows that are the same to a reader share: how many spaces there are does not count."""
    return " ".join(text.split()) + "\n" + " ".join((pair or "").split())


def _shared(data: TextData, split: Split) -> str:
    """How many texts of test are word for word among the others too."""
    rows = [_words(*row) for row in zip(data.texts, data.pairs or data.texts, strict=True)]
    others = {rows[i] for i in np.concatenate([split.train, split.valid])}
    count = sum(rows[i] in others for i in split.test)
    return f"texts of test that train or validation has too: {count} of {len(split.test)}"
