"""The best molecules of a library of any size, by what is predicted of them or by what they might be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.errors import ConfigError, DataError
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import store_of
from molweight.molecules.tables import MoleculeFile
from molweight.screening.acquisition import Best, Direction, confidence_bound, exploit
from molweight.screening.model import Model
from molweight.screening.predict import (
    ROWS,
    added_columns,
    check_columns,
    check_coverage,
    molecules_table,
    predict_smiles,
)

RANK, SCORE, ROW = "rank", "score", "row"


@dataclass(frozen=True)
class ScreenConfig:
    """What screening is asked for.

    Attributes:
        top: molecules to keep.
        task: by which to rank.
        direction: whether the largest or the smallest values are sought.
        diverse: keep one molecule of each Murcko scaffold.
        acquisition: "exploit" ranks by the prediction, "explore" by its upper confidence bound.
        kappa: what a standard deviation of the ensemble is worth when exploring.
        coverage: of the intervals and sets that are told beside.
    """

    top: int
    task: str
    direction: Direction = "max"
    diverse: bool = False
    acquisition: Literal["exploit", "explore"] = "exploit"
    kappa: float = 1.0
    coverage: float = 0.9


@dataclass(frozen=True)
class Screened:
    """The best molecules, best first, and how many were read.

    Attributes:
        table: rank, row of the library from 0, score, the library's own columns, and what is predicted.
        rows: of the library.
        rejected: rows of it that are no molecule.
        smiles_column: of the table.
        config: what was asked for.
    """

    table: pd.DataFrame
    rows: int
    rejected: int
    smiles_column: str
    config: ScreenConfig


def find_task(model: Model, task: str | None) -> str:
    """The task to rank by.

    Raises:
        ConfigError: if it does not exist, or the model has several and none is named.
    """
    tasks = model.about.tasks
    if task is None and len(tasks) == 1:
        return tasks[0]
    if task not in tasks:
        said = "several tasks" if task is None else f"no task {task!r}"
        raise ConfigError(f"the model has {said}; name one with --target: {', '.join(tasks)}")
    return task


def screen(
    model: Model,
    library: MoleculeFile,
    config: ScreenConfig,
    advance: Callable[[int, int | None, str], None] = lambda done, total, remark: None,
) -> Screened:
    """Go through a library once and keep the best.

    Args:
        model: what predicts.
        library: open for reading.
        config: what is asked for.
        advance: takes rows done, rows in all where known, and a remark.

    Raises:
        ConfigError: if an option cannot be.
        DataError: if a part of the library cannot be read.
    """
    check_coverage(config.coverage)
    check_columns(library, (*added_columns(model.about), RANK, ROW, SCORE))
    best, task = Best.nothing(config.top, config.diverse), model.about.tasks.index(config.task)
    kept: dict[int, pd.DataFrame] = {}
    rows = rejected = 0
    for chunk in library:
        for start in range(0, len(chunk.table), ROWS):
            texts = chunk.smiles[start : start + ROWS]
            graphs = featurize_smiles(texts, chunk.first_row + start)
            if len(graphs.rows):
                places = graphs.rows - chunk.first_row
                smiles = [chunk.smiles[place] for place in places]
                value, spread = model.ensemble(smiles, store_of(graphs))
                best = best.add(scores(value[:, task], spread[:, task], config), graphs.rows, smiles)
                kept |= {row: chunk.table.iloc[[row - chunk.first_row]] for row in _new(best, graphs.rows)}
                kept = {row: kept[row] for row in best.rows.tolist()}
            rows, rejected = rows + len(texts), rejected + len(graphs.rejected)
            advance(rows, library.rows, f"{rejected} no molecules" if rejected else "")
    table = _ranked(model, kept, best, library, config.coverage)
    return Screened(table, rows, rejected, library.smiles_column, config)


def scores(
    value: NDArray[np.float64], spread: NDArray[np.float64], config: ScreenConfig
) -> NDArray[np.float64]:
    """What molecules are ranked by, the higher the better; all [molecules]."""
    if config.acquisition == "explore":
        return confidence_bound(value, spread, config.direction, config.kappa)
    return exploit(value, config.direction)


def _new(best: Best, rows: NDArray[np.int64]) -> list[int]:
    found: list[int] = rows[np.isin(rows, best.rows)].tolist()
    return found


def _ranked(
    model: Model, kept: dict[int, pd.DataFrame], best: Best, library: MoleculeFile, coverage: float
) -> pd.DataFrame:
    """The best of the library with all that is predicted of them."""
    if not kept:
        raise DataError(f"{library.path}: none of its rows is a molecule; check the SMILES column")
    own = pd.concat([kept[row] for row in best.rows.tolist()], ignore_index=True)
    smiles = own[library.smiles_column].tolist()
    pieces = [smiles[start : start + ROWS] for start in range(0, len(smiles), ROWS)]
    predicted = [
        molecules_table(model.about, predict_smiles(model, piece, coverage)[1], model.smiles)
        for piece in pieces
    ]
    ranks = {RANK: np.arange(1, len(own) + 1), ROW: best.rows, SCORE: best.scores}
    return pd.concat([pd.DataFrame(ranks), own, pd.concat(predicted, ignore_index=True)], axis=1)
