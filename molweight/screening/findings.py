"""What was found out about a user's data, and which of its rows are not used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A remark on the data that a chemist can read.

    Attributes:
        title: of a few words.
        text: a sentence or two: what was found, and what was done about it.
        rows: of the input it is about, from 0.
    """

    title: str
    text: str
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """A row that is not used: its number in the input, from 0, its SMILES as written and why."""

    row: int
    smiles: str
    reason: str


def counted(number: int, noun: str) -> str:
    """A number and what it counts.

    >>> counted(1, "row"), counted(2_000, "molecule")
    ('1 row', '2,000 molecules')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
