"""`molweight screen`: from a model folder and a library to the best of it, drawn."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molweight.encoders.compute import Compute
from molweight.molecules.tables import open_molecules, table_writer
from molweight.paths import replacing_folder
from molweight.reports.progress import announce, progress_bar
from molweight.screening.adapted_folder import check_target
from molweight.screening.model_folder import read_model
from molweight.screening.screen import ScreenConfig, Screened, find_task, screen
from molweight.screening.screen_page import write_grid, write_screen_page

TABLE_FILE, GRID_FILE, PAGE_FILE = "top.csv", "top.svg", "screen.html"


@dataclass(frozen=True)
class ScreenRun:
    """What screening is asked to do; see `ScreenConfig` for what ranks.

    Attributes:
        model: its folder.
        library: table of molecules, or - for CSV from standard input.
        out: folder to write.
        smiles_column: found where it is None.
        overwrite: replace an earlier result.
    """

    model: Path
    library: Path
    out: Path
    top: int = 1_000
    target: str | None = None
    minimise: bool = False
    diverse: bool = False
    explore: bool = False
    kappa: float = 1.0
    smiles_column: str | None = None
    coverage: float = 0.9
    overwrite: bool = False


def run_screen(run: ScreenRun, compute: Compute, arguments: Sequence[str]) -> Screened:
    """Rank, write, and tell.

    Args:
        run: what to do.
        compute: device and precision.
        arguments: of the command, for the page.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
    """
    check_target(run.out, run.overwrite)
    model = read_model(run.model, compute)
    config = ScreenConfig(
        run.top,
        find_task(model, run.target),
        "min" if run.minimise else "max",
        run.diverse,
        "explore" if run.explore else "exploit",
        run.kappa,
        run.coverage,
    )
    library = open_molecules(run.library, run.smiles_column)
    if library.guessed:
        announce(library.guessed)
    with progress_bar(f"screening {run.library.name}") as advance:
        found = screen(model, library, config, advance)
    with replacing_folder(run.out) as folder:
        with table_writer(folder / TABLE_FILE, list(found.table.columns)) as writer:
            writer.write(found.table)
        write_grid(found, folder / GRID_FILE)
        write_screen_page(found, folder / PAGE_FILE, shlex.join(["molweight", *arguments]))
    announce(
        f"{run.out}: the best {len(found.table)} of {found.rows} rows, of which {found.rejected} are no "
        "molecules"
    )
    return found
