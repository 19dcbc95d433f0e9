"""What Rich prints, as plain text."""

from io import StringIO

from rich.console import Console


def shown(found) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(found)
    return " ".join(console.export_text().split())  # wherever lines were broken
