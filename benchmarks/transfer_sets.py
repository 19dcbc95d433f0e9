"""Tables of many targets for `molweight transfer`, and where their files lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molweight.benchmarks.loading import data_folders
from molweight.errors import DataError
from molweight.transfer.data import Reading

FOLDER = "dti"


@dataclass(frozen=True)
class TransferSet:
    """A table of one row for each molecule and one column for each target.

    Attributes:
        file: its name in the folder `dti`.
        reading: how it is read; the threshold is the customary one.
        origin: where it comes from.
    """

    file: str
    reading: Reading
    origin: str


TRANSFER_SETS: dict[str, TransferSet] = {
    "kiba": TransferSet(
        "kiba_wide.csv.gz",
        Reading(threshold=12.1, ignored=("drug",)),
        "Tang et al., J. Chem. Inf. Model. 2014, as in DeepDTA: KIBA scores, actives at 12.1 and above",
    ),
    "davis": TransferSet(
        "davis_wide.csv.gz",
        Reading(threshold=7.0, ignored=("drug",), negative_log=1e-9),
        "Davis et al., Nat. Biotechnol. 2011: Kd in nM, actives at pKd 7 and above",
    ),
    "chembl-dti": TransferSet(
        "chembl_5thresh.csv.gz",
        Reading(threshold=6.5),
        "ChEMBL targets, as in DeepChem: activities as negative logarithms, actives at 6.5 and above",
    ),
}


def find_table(data: str, data_dir: Path | None) -> tuple[Path, Reading]:
    """The file of a named set and how it is read; a path is taken for what it is.

    Args:
        data: a name, or a path.
        data_dir: folder that is searched first.

    Raises:
        ConfigError: if `data_dir` does not exist.
        DataError: if there is no such file, or a set's is not found; the text says where it is looked for.
    """
    path = Path(data)
    if path.is_file() or data == "-":
        return path, Reading()
    if data not in TRANSFER_SETS:
        raise DataError(
            f"{data}: no such file, and no set of that name; there are {', '.join(TRANSFER_SETS)}"
        )
    entry = TRANSFER_SETS[data]
    return _located(entry, data_folders(data_dir)), entry.reading


def _located(entry: TransferSet, folders: Sequence[Path]) -> Path:
    for folder in folders:
        for name in (entry.file, entry.file.removesuffix(".gz")):
            if (folder / FOLDER / name).is_file():
                return folder / FOLDER / name
    searched = ", ".join(str(folder / FOLDER) for folder in folders)
    raise DataError(
        f"{entry.file}: not found under {searched}; it is a table with a column of SMILES and one for each "
        f"target ({entry.origin}): point MOLWEIGHT_DATA or --data-dir at a folder that has "
        f"{FOLDER}/{entry.file}"
    )
