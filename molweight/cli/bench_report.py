"""`molweight bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from molweight.launch import refuse_ranks


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of results that molweight bench suite wrote.")],
) -> None:
    """Print the tables of a suite, finished or not, and write its summary and pictures into its folder."""
    refuse_ranks("molweight bench report")
    from rich.console import Console

    from molweight.benchmarks.suite.report import write_suite_report

    write_suite_report(folder, Console())
