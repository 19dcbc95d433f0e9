"""The layouts in which text data sets are published, each read line by line, none of them guessed."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from molweight.benchmarks.loading import file_content
from molweight.errors import DataError


@dataclass(frozen=True)
class TextRow:
    """One text or pair with its label as it is written, and the line of the file that it stands on."""

    text: str
    pair: str | None
    label: str
    line: int


Layout = Callable[[str, Path], Iterator[TextRow]]


def read_rows(path: Path, layout: Layout) -> list[TextRow]:
    """All rows of a file, white space around texts and labels removed.

    Raises:
        DataError: if the file is damaged, not UTF-8 or empty, or a row lacks a column, its text or its
            label; the text names the line.
    """
    rows = []
    for row in layout(_decoded(path), path):
        pair = None if row.pair is None else row.pair.strip()
        clean = TextRow(row.text.strip(), pair, row.label.strip(), row.line)
        for value, name in ((clean.text, "text"), (clean.pair, "second text"), (clean.label, "label")):
            if value == "":
                raise DataError(f"{path}: line {row.line} has an empty {name}; fill it in or remove the line")
        rows.append(clean)
    if not rows:
        raise DataError(f"{path}: the file has no rows")
    return rows


def json_lines(content: str, path: Path) -> Iterator[TextRow]:
    """One object a line, with `text` and `label`."""
    for line, entry in _objects(content, path):
        yield TextRow(_string(entry, "text", path, line), None, _string(entry, "label", path, line), line)


def json_abstracts(content: str, path: Path) -> Iterator[TextRow]:
    """One abstract a line, with equally long lists `sentences` and `labels`; each sentence is a row."""
    for line, entry in _objects(content, path):
        sentences, labels = (_strings(entry, key, path, line) for key in ("sentences", "labels"))
        if len(sentences) != len(labels):
            raise DataError(
                f"{path}: line {line} has {len(sentences)} sentences and {len(labels)} labels; "
                "each sentence needs one"
            )
        for sentence, label in zip(sentences, labels, strict=True):
            yield TextRow(sentence, None, label, line)


def labelled_abstracts(content: str, path: Path) -> Iterator[TextRow]:
    """The layout of PubMed RCT: `###id`, then `label TAB sentence` lines, and an empty line."""
    for line, text in _lines(content):
        if text.strip() and not text.startswith("###"):
            label, sentence = _fields(text.split("\t"), 2, path, line)[:2]
            yield TextRow(sentence, None, label, line)


def tab_separated(label: int, text: int, pair: int | None = None, *, columns: int) -> Layout:
    """Tabs and no quoting, without a header: quotation marks are part of the text.

    Args:
        label: position of the label.
        text: position of the text.
        pair: position of the second text.
        columns: how many there are at least; more are ignored.
    """

    def read(content: str, path: Path) -> Iterator[TextRow]:
        for line, row in _lines(content):
            if row.strip():
                fields = _fields(row.split("\t"), columns, path, line)
                yield TextRow(fields[text], None if pair is None else fields[pair], fields[label], line)

    return read


def headed(label: str, text: str, pair: str | None = None) -> Layout:
    """Tabs and no quoting, with a header that names the columns."""

    def read(content: str, path: Path) -> Iterator[TextRow]:
        header, _, body = content.partition("\n")
        names = header.rstrip("\r").split("\t")
        places = [_place(names, name, path) for name in (label, text, *([pair] if pair else []))]
        yield from tab_separated(*places, columns=len(names))("\n" + body, path)  # an empty line is skipped

    return read


def quoted(label: int, *texts: int, columns: int, delimiter: str = ",", header: bool = False) -> Layout:
    """CSV with quoting; several texts of a row, such as title and body, are joined by a space."""

    def read(content: str, path: Path) -> Iterator[TextRow]:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        try:
            for number, row in enumerate(reader):
                if row and not (header and number == 0):
                    fields = _fields(row, columns, path, reader.line_num)
                    text = " ".join(fields[place].strip() for place in texts).strip()
                    yield TextRow(text, None, fields[label], reader.line_num)
        except csv.Error as error:
            raise DataError(
                f"{path}: line {reader.line_num} is not readable CSV ({error}); take the file from its source"
            ) from None

    return read


def renamed(layout: Layout, names: Mapping[str, str]) -> Layout:
    """The same layout, its labels put into words; one that has no name is an error."""

    def read(content: str, path: Path) -> Iterator[TextRow]:
        for row in layout(content, path):
            if (label := row.label.strip()) not in names:
                raise DataError(
                    f"{path}: line {row.line} has the label {label!r}, which is none of {', '.join(names)}; "
                    "correct it or remove the line"
                )
            yield replace(row, label=names[label])

    return read


def _decoded(path: Path) -> str:
    try:
        content = file_content(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); take the file from its source again") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; save the file as UTF-8") from None


def _lines(content: str) -> Iterator[tuple[int, str]]:
    """Numbered from 1; only \\n and \\r\\n end a line, which str.splitlines would not keep to."""
    for number, line in enumerate(content.split("\n"), start=1):
        yield number, line.rstrip("\r")


def _objects(content: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(content):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}: line {number} is not JSON ({error.msg}); correct or remove it"
            ) from None
        if not isinstance(entry, dict):
            raise DataError(f"{path}: line {number} is not a JSON object; correct or remove it")
        yield number, entry


def _string(entry: dict[str, Any], key: str, path: Path, line: int) -> str:
    if not isinstance(value := entry.get(key), str):
        found = ", ".join(map(repr, list(entry)[:8])) or "nothing"
        raise DataError(
            f"{path}: line {line} has no text in {key!r}; it has {found}. Is this the right file?"
        )
    return value


def _strings(entry: dict[str, Any], key: str, path: Path, line: int) -> list[str]:
    value = entry.get(key)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise DataError(f"{path}: line {line} has no list of texts in {key!r}. Is this the right file?")
    return value


def _fields(fields: Sequence[str], columns: int, path: Path, line: int) -> Sequence[str]:
    if len(fields) < columns:
        raise DataError(
            f"{path}: line {line} has {len(fields)} column(s) where {columns} are needed. "
            "Is this the right file?"
        )
    return fields


def _place(names: list[str], name: str, path: Path) -> int:
    if name not in names:
        found = ", ".join(map(repr, names[:8]))
        raise DataError(f"{path}: no column {name!r}; it has {found}. Is this the right file?")
    return names.index(name)
