"""A table of text that can be shown in the terminal and in Markdown."""

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molweight.reports.markdown import escaped
from molweight.reports.markdown import table as markdown_table


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
        """In the terminal; the first column is set left, the others right."""
        table = Table(title=escape(self.title), title_justify="left")
        for place, heading in enumerate(self.headings):
            table.add_column(escape(heading), justify="right" if place else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(f"[bold]{escape(c)}[/bold]" if isinstance(c, Strong) else escape(c) for c in row))
        console.print(table if self.rows else escape(self.title))
        for note in self.notes:
            console.print(escape(note), highlight=False)
        console.print()


def _in_markdown(cell: str) -> str:
    if isinstance(cell, Code):
        return f"`{cell}`"
    return f"**{escaped(cell)}**" if isinstance(cell, Strong) else escaped(cell)
