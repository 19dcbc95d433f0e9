"""The command line: options in, one call, results out. Heavy imports wait until a command runs."""

import sys
import warnings

import typer

from molweight.cli.adapt import adapt
from molweight.cli.bench import bench_app
from molweight.cli.predict import predict
from molweight.cli.pretrain import pretrain
from molweight.cli.screen import screen
from molweight.cli.text import app as text
from molweight.cli.transfer import transfer_app
from molweight.errors import MolweightError
from molweight.launch import first_speaks, refuse_ranks

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich's panels double what --help takes
)

PARALLEL = ("bench", "pretrain")
INTERRUPTED = 130  # typer's exit code for Ctrl-C
# joblib renews a worker that has grown by 300 MB, as one does that trains a network, and loses no work by it
RENEWED = "A worker stopped while some jobs were given to the executor"


@app.callback()
def molweight_command(context: typer.Context) -> None:
    """Adapt a pretrained molecular encoder with objective weights learned from the task itself."""
    if context.invoked_subcommand not in PARALLEL:
        refuse_ranks(f"molweight {context.invoked_subcommand}")


for command in (adapt, predict, screen, pretrain):
    app.command()(command)
app.add_typer(bench_app, name="bench", help="Compare learned weights with baselines on MoleculeNet.")
app.add_typer(text, name="text")
app.add_typer(transfer_app, name="transfer", help="Find out which tasks help each other.")


def main() -> None:
    """Run the program; what goes wrong is one line.

    Exit codes: 2 for an error a user can mend, a full disk among them, 1 for failed training, 130 for Ctrl-C.
    """
    warnings.filterwarnings("ignore", message=RENEWED)
    try:
        with first_speaks():
            app()
    except (MolweightError, OSError) as error:
        stop(str(error), 2)
    except FloatingPointError as error:
        stop(f"training failed: {error}", 1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            stop("interrupted; what is complete was kept, and what is not was removed", INTERRUPTED)
        raise


def stop(message: str, code: int) -> None:
    """Say why, and end."""
    typer.secho(f"molweight: {message}", err=True, fg=typer.colors.RED)
    sys.exit(code)
