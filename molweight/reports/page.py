"""Self-contained HTML pages: nothing is fetched, and all text that is not ours is escaped."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from molweight.paths import replacing
from molweight.reports.structures import draw_molecule

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure


_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Grid:
    """A table of texts; columns past the first are numbers, set to the right, unless `words` says otherwise.

    Attributes:
        headings: of the columns.
        rows: cells of each row.
        words: numbers of columns that are set to the left, from 0.
        marked: numbers of rows that stand out, from 0.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: tuple[int, ...] = (0,)
    marked: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure and what it shows in words, for those who do not see it."""

    figure: "Figure"
    description: str

    @property
    def uri(self) -> str:
        """The figure as SVG in a data URI, which keeps its ids apart from those of other pictures."""
        from matplotlib import rc_context

        file = BytesIO()
        with rc_context({"svg.hashsalt": "molweight"}):  # the same picture, the same bytes
            self.figure.savefig(file, format="svg", dpi=150, metadata=_NO_METADATA)
        return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


@dataclass(frozen=True)
class Structure:
    """A molecule to be drawn, and lines of text under it."""

    smiles: str
    captions: Sequence[str] = ()

    @property
    def svg(self) -> str:
        """Drawn by RDKit, as an element."""
        return draw_molecule(self.smiles)


@dataclass(frozen=True)
class Section:
    """A part of a page; what is empty is left out.

    Attributes:
        title: heading.
        paragraphs: text.
        grid: a table below it.
        pictures: figures below that.
        structures: molecules below those.
        code: a command or other text set as it is.
    """

    title: str
    paragraphs: Sequence[str] = ()
    grid: Grid | None = None
    pictures: Sequence[Picture] = ()
    structures: Sequence[Structure] = ()
    code: str = ""


def render_page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """A whole HTML document.

    >>> "<h1>&lt;b&gt;</h1>" in render_page("<b>", "", [])
    True
    """
    return _template().render(title=title, summary=summary, sections=sections)


def write_page(path: Path, title: str, summary: str, sections: Sequence[Section]) -> None:
    """Write the document; the file appears only when it is complete."""
    with replacing(path) as temporary:
        temporary.write_text(render_page(title, summary, sections), encoding="utf-8")


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("molweight.reports")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")
