"""The one place where strings become molecules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rdkit import Chem
from rdkit.rdBase import BlockLogs

from molweight.molecules.flat_graphs import Rejected

MAX_CHARACTERS = (
    5_000  # of a SMILES: RDKit's time grows with the square, and 16-bit numbers must count its atoms
)
MAX_BONDS = 255  # of one atom, stored as an unsigned 8-bit number


@dataclass(frozen=True)
class Molecules:
    """Parsed molecules, the input row of each, and the rows that could not be parsed."""

    mols: list[Chem.Mol]
    rows: list[int]
    rejected: list[Rejected]


def parse_smiles(texts: Iterable[object], first_row: int = 0) -> Molecules:
    """Turn SMILES strings into sanitised RDKit molecules, collecting every failure.

    Args:
        texts: SMILES; anything that is not a non-empty string (a missing value, say) is rejected.
        first_row: number of the first text, for reading a file in pieces.

    Returns:
        The molecules in input order with their row numbers, and the rejected rows with reasons.

    >>> parsed = parse_smiles(["CCO", "C1CC", "", "[NH4+].[Cl-]"])
    >>> parsed.rows
    [0, 3]
    >>> [(r.row, r.reason) for r in parsed.rejected]
    [(1, 'not valid SMILES'), (2, 'empty')]
    """
    parsed = Molecules([], [], [])
    for row, found in parse_each(texts, first_row):
        if isinstance(found, Rejected):
            parsed.rejected.append(found)
        else:
            parsed.mols.append(found)
            parsed.rows.append(row)
    return parsed


def parse_each(texts: Iterable[object], first_row: int = 0) -> Iterator[tuple[int, Chem.Mol | Rejected]]:
    """What `parse_smiles` collects, one after another.

    Whoever lets go of a molecule before the next one saves a third of the time: its memory is used again.
    """
    with BlockLogs():
        for row, text in enumerate(texts, first_row):
            mol, reason = _parse_one(text)
            yield row, Rejected(row, _as_text(text), reason) if mol is None else mol


def explain(unsanitised: Chem.Mol | None, unread: str) -> str:
    """What RDKit finds wrong with a molecule, or `unread` where it could not even read it."""
    if unsanitised is None:
        return unread
    try:
        problems = Chem.DetectChemistryProblems(unsanitised)
    except RuntimeError:  # from 128 bonds of one atom on, RDKit's own count of its valence overflows
        return "cannot be sanitised"
    return problems[0].Message() if problems else "cannot be sanitised"


def _parse_one(text: object) -> tuple[Chem.Mol | None, str]:
    if not isinstance(text, str) or not text.strip():
        return None, "empty"
    if len(text) > MAX_CHARACTERS:
        return None, f"{len(text)} characters; at most {MAX_CHARACTERS} are supported"
    mol = Chem.MolFromSmiles(text)
    if mol is None:
        return None, explain(Chem.MolFromSmiles(text, sanitize=False), "not valid SMILES")
    atoms = mol.GetNumAtoms()
    if atoms == 0:
        return None, "no atoms"
    if atoms > MAX_BONDS and (bonds := max(a.GetDegree() for a in mol.GetAtoms())) > MAX_BONDS:
        return None, f"an atom with {bonds} bonds; at most {MAX_BONDS} are supported"
    return mol, ""


def _as_text(text: object) -> str:
    return text if isinstance(text, str) else ""
