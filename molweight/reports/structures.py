"""Molecules drawn as SVG, to stand in a page or a file of their own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rdkit import Chem
from rdkit.rdBase import BlockLogs

if TYPE_CHECKING:
    from rdkit.Chem.Draw import MolDraw2DSVG

_BLANK = (1.0, 1.0, 1.0, 0.0)
_ATOMS = 200  # drawn at most: nobody could read more, and the time grows with their cube


def draw_molecule(smiles: str, width: int = 220, height: int = 160) -> str:
    """One molecule as an `<svg>` element.

    A SMILES that RDKit does not parse leaves an empty box, and a molecule of more than 200 atoms one with
    their number. On a machine without the X libraries that RDKit's drawing is linked with, the box says so.
    """
    with BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is not None and mol.GetNumAtoms() > _ATOMS:
        return _said(f"{mol.GetNumAtoms():,} atoms", width, height)
    try:
        drawing = _drawing(width, height)
    except ImportError:
        return _said("not drawn: libXrender is missing", width, height)
    if mol is not None:
        drawing.DrawMolecule(Chem.Mol(mol))
    drawing.FinishDrawing()
    return _element(drawing)


def draw_grid(smiles: Sequence[str], captions: Sequence[str], columns: int = 4) -> str:
    """A whole SVG file of molecules in rows, each above its caption.

    Args:
        smiles: of molecules that RDKit parses.
        captions: a line for each.
        columns: molecules to a row.
    """
    from xml.sax.saxutils import escape

    cell_width, cell_height, line = 240, 180, 24
    rows = -(-len(smiles) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * cell_width}" '
        f'height="{rows * (cell_height + line)}" font-family="sans-serif" font-size="12">'
    ]
    for place, (each, caption) in enumerate(zip(smiles, captions, strict=True)):
        x, y = place % columns * cell_width, place // columns * (cell_height + line)
        middle = f'x="{cell_width // 2}" y="{cell_height + 14}" text-anchor="middle"'
        parts.append(
            f'<g transform="translate({x} {y})">{draw_molecule(each, cell_width, cell_height)}'
            f"<text {middle}>{escape(caption)}</text></g>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _said(text: str, width: int, height: int) -> str:
    inside = f'<text x="50%" y="50%" text-anchor="middle" font-size="12">{text}</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{inside}</svg>'


def _drawing(width: int, height: int) -> "MolDraw2DSVG":
    from rdkit.Chem.Draw import MolDraw2DSVG

    drawing = MolDraw2DSVG(width, height)
    options = drawing.drawOptions()
    options.setBackgroundColour(_BLANK)
    options.padding = 0.08  # type: ignore[assignment]  # RDKit's stubs mistake its type
    return drawing


def _element(drawing: "MolDraw2DSVG") -> str:
    text: str = drawing.GetDrawingText()
    return text[text.index("<svg") :].strip()
