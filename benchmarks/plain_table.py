"""A table of text that can be shown in the terminal and in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molweight.reports.markdown import escaped
from molweight.reports.markdown import table as markdown_table

FOLDED = 16  # characters to which names and headings are folded where room is short


class Strong(str):
    """A cell that stands out."""

    __slots__ = ()


class Code(str):
    """A cell that is a name in the program."""

    __slots__ = ()


@dataclass(frozen=True)
class PlainTable:
    """A title, a line of headings, lines of cells as long as it, and sentences below.

    Cells may hold any text; title, headings and sentences are ours and go into Markdown as they are.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def as_markdown(self) -> str:
        """Title, table and sentences; the table is left out where it has no line.

        >>> print(PlainTable("Scores", ("method", "bbbp"), ((Code("rf"), Strong("0.7")),)).as_markdown())
        **Scores**
        <BLANKLINE>
        | method | bbbp |
        | --- | --- |
        | `rf` | **0.7** |
        """
        cells = [[_in_markdown(cell) for cell in row] for row in self.rows]
        shown = [markdown_table(self.headings, cells)] if cells else []
        return "\n\n".join([f"**{self.title}**", *shown, *self.notes])

    def show(self, console: Console) -> None:
        """In the terminal; the first column is set left, the others right.

        What is wider than the terminal is shown as several tables below each other, each with the first
        column, so that cells stay whole; names and headings may be folded.
        """
        if not self.rows:
            console.print(escape(self.title))
        for number, places in enumerate(self._parts(console.width) if self.rows else []):
            table = Table(title=None if number else escape(self.title), title_justify="left")
            for place, width in zip((0, *places), self._widths(places, console.width), strict=True):
                table.add_column(
                    escape(self.headings[place]),
                    justify="right" if place else "left",
                    overflow="fold",
                    width=width,
                )
            for row in self.rows:
                table.add_row(*(_in_terminal(row[place]) for place in (0, *places)))
            console.print(table)
        for note in self.notes:
            console.print(escape(note), highlight=False)
        console.print()

    def _parts(self, width: int) -> list[list[int]]:
        """Columns but the first, dealt to as many tables as a terminal of so many characters needs."""
        parts: list[list[int]] = [[]]
        for place in range(1, len(self.headings)):
            if parts[-1] and _bordered(map(self._least, (0, *parts[-1], place))) > width:
                parts.append([])
            parts[-1].append(place)
        return parts

    def _widths(self, places: Sequence[int], width: int) -> list[int | None]:
        """Of the first column and these in a terminal: as they need where there is room, else the least."""
        columns = [0, *places]
        if _bordered(map(self._whole, columns)) <= width:
            return [None] * len(columns)
        others = [self._least(place) for place in places]
        room = width - _bordered([0, *others])
        if room < self._least(0):  # of a cell that is wider than the terminal, too
            return [None] * len(columns)
        return [min(self._whole(0), room), *others]

    def _whole(self, place: int) -> int:
        """Characters of a column in which nothing is folded."""
        return max(len(self.headings[place]), *(len(row[place]) for row in self.rows))

    def _least(self, place: int) -> int:
        """Characters of a column in which names and headings are folded."""
        cells = max(len(row[place]) for row in self.rows)
        return max(min(len(self.headings[place]), FOLDED), cells if place else min(cells, FOLDED))


def _bordered(widths: Iterable[int]) -> int:
    """Characters of a table with columns of these widths."""
    return 1 + sum(width + 3 for width in widths)


def _in_terminal(cell: str) -> str:
    return f"[bold]{escape(cell)}[/bold]" if isinstance(cell, Strong) else escape(cell)


def _in_markdown(cell: str) -> str:
    if isinstance(cell, Code):
        return f"`{cell}`"
    return f"**{escaped(cell)}**" if isinstance(cell, Strong) else escaped(cell)
