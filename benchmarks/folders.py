"""Where the reports of a benchmark go."""

from pathlib import Path

from molweight.benchmarks.outcomes import FOLDER as OUTCOMES
from molweight.errors import ConfigError

REPORT = "report.json"


def output_folders(
    names: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    report: str = REPORT,
    default: str = "molweight-bench",
) -> dict[str, Path]:
    """Where each data set's report goes: OUT itself for one, OUT/NAME for several.

    Without `out`, a new folder `DEFAULT/NAME` in the working folder, numbered where taken.

    Raises:
        ConfigError: if there is a report already and it may not be overwritten, or `out` is a file.
    """
    if out is None:
        return {name: free_folder(Path(default) / name) for name in names}
    folders = {name: out if len(names) == 1 else out / name for name in names}
    for folder in folders.values():
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"--out {folder}: is a file; name a folder")
        if (folder / report).exists() and not overwrite:
            raise ConfigError(f"{folder / report} exists; give --overwrite to replace it, or another --out")
    return folders


def resumed_folders(names: tuple[str, ...], out: Path) -> dict[str, Path]:
    """The folders below `out` of the data sets that an interrupted run has no report of yet.

    Raises:
        ConfigError: if no data set was begun there, or all are done.
    """
    folders = {name: out if len(names) == 1 else out / name for name in names}
    left = {name: folder for name, folder in folders.items() if not (folder / REPORT).exists()}
    if not left:
        raise ConfigError(f"{out}: nothing to resume, every data set has its {REPORT}")
    if len(left) == len(folders) and not any((folder / OUTCOMES).exists() for folder in left.values()):
        raise ConfigError(f"{out}: no run of {', '.join(names)} was begun there; use --out to begin one")
    return left


def free_folder(folder: Path) -> Path:
    """A folder of that name that is not there yet, numbered where the name is taken."""
    number = 2
    candidate = folder
    while candidate.exists():
        candidate = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return candidate
