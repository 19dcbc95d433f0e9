"""SMILES from files: .csv and .smi, gzipped or not."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from molweight.errors import DataError

SMILES_COLUMNS = ("smiles", "mol", "canonical_smiles", "molecule", "structure")


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


def find_smiles_column(columns: Sequence[str], path: Path, wanted: str | None = None) -> str:
    """The column asked for, or the one that is named like one of SMILES.

    Raises:
        DataError: if there is none.
    """
    if wanted is not None and wanted in columns:
        return wanted
    found = [c for c in columns if c.strip().lower() in SMILES_COLUMNS]
    if wanted is not None or not found:
        what = f"no column {wanted!r}" if wanted is not None else "no column named like SMILES"
        raise DataError(
            f"{path}: {what}; it has {', '.join(map(repr, columns[:8]))}. Name it with --smiles-column"
        )
    return found[0]


def read_smiles(path: Path, column: str | None = None) -> list[str]:
    """All SMILES of a .csv or .tsv (by column) or .smi file (first word of each line), gzipped or not.

    Raises:
        DataError: if the file is missing or holds no row.
    """
    if ".smi" not in path.suffixes and ".txt" not in path.suffixes:
        table = read_table(path)
        values = table[find_smiles_column(list(table.columns), path, column)]
        if table.empty:
            raise DataError(f"{path}: no row below the header")
        return ["" if pd.isna(v) else str(v) for v in values]
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as lines:  # spreadsheets write a byte order mark
            found = [line.split()[0] for line in lines if line.strip()]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path}: not a readable text file ({error})") from None
    if not found:
        raise DataError(f"{path}: the file is empty")
    return found
