"""Lines of text files, gzipped or not, or of standard input; whatever is wrong with them is one error."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molweight.errors import DataError

MAX_LINE = 1 << 22  # characters: a longer line is no line of a table, and reading it would fill the memory
STANDARD_STREAM = Path("-")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Row = tuple[Sequence[str], str]  # its values, and why it cannot be read: empty where it can


@dataclass(frozen=True)
class Layout:
    """A table that is about to be read, by any of the formats.

    Attributes:
        columns: their names.
        rows: what they hold.
        smiles_column: the one that holds SMILES, where the format says.
        count: number of rows at most, where it can be told beforehand.
    """

    columns: tuple[str, ...]
    rows: Iterator[Row]
    smiles_column: str | None = None
    count: int | None = None


def kind_of(path: Path) -> str:
    """The suffix that says the format, in lower case and without that of gzip; of standard input .csv.

    >>> kind_of(Path("library.v2.SDF.gz"))
    '.sdf'
    """
    if path == STANDARD_STREAM:
        return ".csv"
    return Path(path.name.lower().removesuffix(".gz")).suffix


def text_lines(path: Path, newline: str | None = None) -> Iterator[str]:
    """Its lines with their ends, one after another; a byte order mark is left out.

    Args:
        path: of the file, or - for standard input.
        newline: as in `open`: "" keeps the ends of lines as they are.

    Raises:
        DataError: if the file is missing, cut off, not UTF-8 text, or has a line that never ends.
    """
    try:
        with _opened(path) as binary:
            if binary.peek(2)[:2] in _UTF16:
                raise DataError(f"{path}: the file is UTF-16; save it as UTF-8")
            text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline=newline)
            try:
                yield from _checked(text, path)
            finally:
                text.detach()  # else it would close standard input
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"{path}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text") from None
    except EOFError:
        raise DataError(f"{path}: the gzipped file is cut off; copy it again") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path}: not a readable file ({error})") from None


def count_rows(path: Path) -> int | None:
    """Rows of a text file at most, one for each end of a line; None where it would have to be read for that.

    Headers, blank lines and line breaks within quotes are counted too: it is what a progress bar is told.
    """
    if path == STANDARD_STREAM or path.suffix.lower() == ".gz" or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def _opened(path: Path) -> AbstractContextManager[Any]:
    if path == STANDARD_STREAM:
        return nullcontext(sys.stdin.buffer)
    return gzip.GzipFile(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _checked(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise DataError(f"{path}: line {number} has more than {MAX_LINE} characters; is this a table?")
        if "\0" in line:
            raise DataError(f"{path}: line {number} has a NUL byte; save the file as UTF-8 text")
        yield line
