"""Which column of a table holds the SMILES."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from molweight.errors import DataError
from molweight.molecules.smiles import parse_smiles

SMILES_COLUMNS = (
    "smiles", "mol", "canonical_smiles", "molecule", "structure", "isomeric_smiles", "smi", "cxsmiles",
)  # fmt: skip
_NEARLY_ALL = 0.9
SAMPLE = 200  # rows that a guess looks at


def named_like_smiles(column: str) -> bool:
    """Whether a column has one of the usual names.

    >>> [named_like_smiles(name) for name in ("Canonical SMILES", "mol", "molecular weight")]
    [True, True, False]
    """
    return column.strip().lower().replace(" ", "_").replace("-", "_") in SMILES_COLUMNS


def find_smiles_column(columns: Sequence[str], path: Path, wanted: str | None = None) -> str:
    """The column asked for, or the first that is named like one of SMILES.

    Raises:
        DataError: if there is none.
    """
    if wanted is not None and wanted in columns:
        return wanted
    found = [c for c in columns if named_like_smiles(c)]
    if wanted is not None or not found:
        what = f"no column {wanted!r}" if wanted is not None else "no column named like SMILES"
        raise DataError(f"{path}: {what}; it has {_listed(columns)}. Name it with --smiles-column")
    return found[0]


def guess_smiles_column(sample: pd.DataFrame, path: Path) -> tuple[str, str]:
    """The column that is named like one of SMILES, or the only one whose values nearly all are.

    A name counts for nothing where none of its values is a molecule but those of another column are.

    Args:
        sample: the first rows of a table, as strings.
        path: for errors.

    Returns:
        The column, and a sentence that says what was taken for it and why.

    Raises:
        DataError: if there is none, or more than one without a telling name.
    """
    sample = sample.head(SAMPLE)
    named = [c for c in sample.columns if named_like_smiles(c)]
    telling = [c for c in named if _molecules(sample[c])[0] > 0]
    if telling:
        others = f" ({', '.join(map(repr, telling[1:]))} would do too)" if telling[1:] else ""
        return telling[0], f"column {telling[0]!r} was taken for the SMILES, by its name{others}"
    found = [c for c in sample.columns if _looks_like_smiles(sample[c])]
    if len(found) == 1:
        return found[0], f"column {found[0]!r} was taken for the SMILES, by what it holds"
    if named:
        return named[0], f"column {named[0]!r} was taken for the SMILES, by its name"
    if found:
        raise DataError(f"{path}: {_listed(found)} all hold SMILES; name one with --smiles-column")
    raise DataError(
        f"{path}: no column is named like SMILES or holds them; it has {_listed(sample.columns)}. "
        "Name it with --smiles-column"
    )


def _molecules(texts: "pd.Series[str]") -> tuple[float, float]:
    """The share of non-empty texts that are SMILES, and their mean number of atoms."""
    filled = [text for text in texts if text.strip()]
    mols = parse_smiles(filled).mols
    if not mols:
        return 0.0, 0.0
    return len(mols) / len(filled), sum(mol.GetNumAtoms() for mol in mols) / len(mols)


def _looks_like_smiles(texts: "pd.Series[str]") -> bool:
    share, atoms = _molecules(texts)
    return share >= _NEARLY_ALL and atoms > 1  # N and P may be molecules, or "negative" and "positive"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns[:8])) + (", ..." if len(columns) > 8 else "")
