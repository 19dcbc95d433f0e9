"""Molecules for `molweight transfer objectives`: of a table, or the train part of a named set."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from molweight.benchmarks.datasets import DATA_SETS
from molweight.benchmarks.loading import load_data_set
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import scaffold_split
from molweight.transfer.data import Reading, TransferData, join_rows, read_transfer
from molweight.transfer.objective_designs import Asked, with_unlabelled


def find_target(
    data: str, target: str | None, reading: Reading, unlabelled: Path | None, data_dir: Path | None
) -> Asked:
    """Molecules of one target, and unlabelled ones beside.

    Of a named set, the train part of its scaffold split alone; nothing is learned from a molecule of the
    other parts, be it in the file of unlabelled ones.

    Args:
        data: a table, or the name of a MoleculeNet set.
        target: column; that of a named set may be left out where it has one.
        reading: how a table is read.
        unlabelled: file of further molecules.
        data_dir: folder that is searched for named sets first.

    Raises:
        ConfigError: if the target is missing, or `data_dir` does not exist.
        DataError: if there is no such file, set or column, or the labels are too few.
    """
    path = Path(data)
    if path.is_file() or data == "-":
        if target is None:
            raise ConfigError("--target: name the column of the table that is to be predicted")
        return with_unlabelled(read_transfer(path, replace(reading, target=target)), unlabelled, ())
    if data not in DATA_SETS:
        raise DataError(f"{data}: no such file, and no set of that name; there are {', '.join(DATA_SETS)}")
    train, held_back = _train_part(data, target, data_dir)
    return with_unlabelled(train, unlabelled, held_back)


def _train_part(name: str, target: str | None, data_dir: Path | None) -> tuple[TransferData, list[str]]:
    """The labelled molecules to learn from, and the SMILES of the other parts."""
    found = load_data_set(name, data_dir).data
    if target is None and len(found.tasks) > 1:
        raise ConfigError(f"--target: {name} has several: {', '.join(found.tasks)}")
    task = found.tasks[0] if target is None else target
    if task not in found.tasks:
        raise DataError(f"{name}: there is no target {task!r}; there are {', '.join(found.tasks)}")
    split = scaffold_split(found.smiles)
    rows = [found.smiles[m] for m in split.train]
    labels = found.labels[split.train][:, [found.tasks.index(task)]]
    data = join_rows(f"{name}, train part", rows, labels, (task,), found.kind)
    return data, [found.smiles[m] for m in np.concatenate([split.valid, split.test])]
