"""The command line: options in, one call, results out. Heavy imports wait until a command runs."""

import sys

import typer

from molweight.cli.adapt import adapt
from molweight.cli.bench import bench
from molweight.cli.predict import predict
from molweight.cli.pretrain import pretrain
from molweight.cli.screen import screen
from molweight.errors import MolweightError
from molweight.launch import first_speaks, refuse_ranks

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

PARALLEL = ("bench", "pretrain")


@app.callback()
def molweight_command(context: typer.Context) -> None:
    """Adapt a pretrained molecular encoder with objective weights learned from the task itself."""
    if context.invoked_subcommand not in PARALLEL:
        refuse_ranks(f"molweight {context.invoked_subcommand}")


for command in (adapt, predict, screen, bench, pretrain):
    app.command()(command)


def main() -> None:
    """Run the program; an error a user can mend is one line and exit code 2, failed training 1."""
    try:
        with first_speaks():
            app()
    except MolweightError as error:
        typer.secho(f"molweight: {error}", err=True, fg=typer.colors.RED)
        sys.exit(2)
    except FloatingPointError as error:
        typer.secho(f"molweight: training failed: {error}", err=True, fg=typer.colors.RED)
        sys.exit(1)
