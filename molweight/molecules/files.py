"""Whole files at once: tables as pandas reads them, and the SMILES of any format."""

import zlib
from pathlib import Path

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.tables import open_molecules


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or TSV file, gzipped or not, with its columns as they are named there.

    Raises:
        DataError: if the file is missing, empty or not a table.
    """
    try:
        return pd.read_csv(path, sep="\t" if ".tsv" in path.suffixes else ",", low_memory=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: not a readable CSV file ({str(error).strip()}); save it as UTF-8 CSV"
        ) from None


def read_smiles(path: Path, column: str | None = None) -> list[str]:
    """All SMILES of a file that `open_molecules` reads, in order; empty where a row has none.

    Raises:
        DataError: if the file is missing, holds no row or cannot be read.
    """
    return [text for chunk in open_molecules(path, column) for text in chunk.smiles]
