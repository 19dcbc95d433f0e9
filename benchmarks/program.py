"""Benchmarks that are programs of their own, run with `python -m`."""

import sys
from collections.abc import Callable

import typer

from molweight.errors import MolweightError


def run_program(command: Callable[..., None]) -> None:
    """Run one command with the shell's arguments, and print a user's mistake as one line."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(command)
    try:
        app()
    except MolweightError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
