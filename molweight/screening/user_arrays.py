"""Molecules and labels as Python code hands them over, as what can be learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdkit import Chem

from molweight.errors import ConfigError, DataError
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import Store, store_of
from molweight.screening.training_set import TrainingSet
from molweight.tasks.data import TaskData, TaskKind

OWN_COLUMNS = ("smiles", "fold")  # of a model's table of training molecules


@dataclass(frozen=True)
class Labels:
    """Labels of one or more tasks.

    Attributes:
        values: float32 [rows, tasks], NaN where missing; 0 or 1 for classification.
        kind: of all tasks.
        tasks: their names.
        classes: of each classification task, the two labels that 0 and 1 stand for; empty for regression.
    """

    values: NDArray[np.float32]
    kind: TaskKind
    tasks: tuple[str, ...]
    classes: tuple[NDArray[Any], ...]


def read_texts(X: Any, name: str = "X") -> list[str]:
    """The SMILES of molecules in a sequence, an array, a Series or a table of one column.

    Args:
        X: SMILES and RDKit molecules, [rows] or [rows, 1].
        name: of X, for errors.

    Raises:
        ValueError: if there are none, or of anything else.
        TypeError: if X is sparse.
    """
    from sklearn.utils import check_array

    if isinstance(X, str | Chem.Mol):
        raise DataError(f"{name} is a single molecule; give a list of them")
    found = check_array(X, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name=name)
    if found.ndim == 2 and found.shape[1] != 1:
        raise DataError(f"{name} has {found.shape[1]} columns; give one, of SMILES or RDKit molecules")
    return [_text(value, f"{name}[{row}]") for row, value in enumerate(found.reshape(-1))]


def featurized(texts: Sequence[str], name: str = "X", first_row: int = 0) -> Store:
    """The graphs of SMILES, all of which must be molecules.

    Args:
        texts: SMILES.
        name: of what they are, for errors.
        first_row: number of the first text.

    Raises:
        DataError: at the first that is not.
    """
    graphs = featurize_smiles(texts, first_row)
    if graphs.rejected:
        first = graphs.rejected[0]
        more = f" (and {len(graphs.rejected) - 1} more)" if len(graphs.rejected) > 1 else ""
        raise DataError(
            f"{name}[{first.row}]: {first.text!r} is not a molecule: {first.reason}{more}; "
            "take such rows out first"
        )
    return store_of(graphs)


def read_labels(y: Any, asked: str = "auto") -> Labels:
    """Labels as numbers.

    Left to itself, it takes them for classes if they are texts, booleans, or numbers of which each task
    holds exactly 0 and 1.

    Args:
        y: [rows] or [rows, tasks], missing where NaN or None.
        asked: classification, regression or auto.

    Raises:
        ConfigError: if something else is asked.
        DataError: if they are not finite, not numbers where they must be, or not of two classes.
    """
    if asked not in ("auto", "classification", "regression"):
        raise ConfigError(f"task must be auto, classification or regression, got {asked!r}")
    table = _table(y)
    kind = _kind(table) if asked == "auto" else cast(TaskKind, asked)
    tasks = task_names(_column_names(y), table.shape[1])
    if kind == "regression":
        return Labels(_numbers(table), kind, tasks, ())
    classes = tuple(_classes(table[i], name) for i, name in enumerate(tasks))
    codes = [_codes(table[i], pair) for i, pair in enumerate(classes)]
    return Labels(np.stack(codes, axis=1), kind, tasks, classes)


def task_names(given: Sequence[object], tasks: int) -> tuple[str, ...]:
    """The names given, or numbered ones where they are none that the columns of a model's table can have.

    >>> task_names(["logP"], 1), task_names(["smiles"], 1), task_names([0, 1], 2)
    (('logP',), ('y',), ('y0', 'y1'))
    """
    names = tuple(name for name in given if isinstance(name, str) and name not in OWN_COLUMNS)
    if len(set(names)) == len(given) == tasks:
        return names
    return ("y",) if tasks == 1 else tuple(f"y{number}" for number in range(tasks))


def training_set(texts: list[str], labels: Labels) -> TrainingSet:
    """The molecules that have a label: the others are no part of what was learnt, nor of its domain.

    Raises:
        DataError: at the first text that is not a molecule, whether it has a label or not.
    """
    store = featurized(texts)  # of all, so that no text that is not a molecule goes unnoticed
    rows = np.flatnonzero(~np.isnan(labels.values).all(axis=1))
    kept = [texts[row] for row in rows]
    if len(rows) < len(texts):
        store = featurized(kept)
    data = TaskData(kept, store, labels.values[rows], labels.tasks, labels.kind)
    names = tuple((str(pair[0]), str(pair[1])) for pair in labels.classes)
    return TrainingSet(source="Python", data=data, rows=rows, classes=names, findings=(), set_aside=())


def _text(value: object, place: str) -> str:
    if isinstance(value, Chem.Mol):
        return str(Chem.MolToSmiles(value))
    if isinstance(value, str):
        return str(value)
    raise DataError(f"{place}: {value!r} is neither a SMILES text nor an RDKit molecule")


def _table(y: Any) -> pd.DataFrame:
    """[rows, tasks], without infinities."""
    from sklearn.utils import check_array

    array = check_array(y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y")
    table = pd.DataFrame(array).infer_objects()
    for values in table.select_dtypes("number"):
        infinite = np.isinf(table[values].to_numpy(np.float64))
        if infinite.any():
            raise DataError(
                f"Input y contains infinity (row {infinite.argmax()}); NaN stands for a missing label"
            )
    if table.isna().all(axis=None):
        raise DataError("y has no labels; every one is missing")
    return table


def _kind(table: pd.DataFrame) -> TaskKind:
    """Classification, if no task holds other numbers than 0 and 1, or none holds numbers at all."""
    columns = [table[name].dropna().infer_objects() for name in table]
    numbers = [c for c in columns if pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c)]
    return "classification" if all(set(c) <= {0, 1} for c in numbers) else "regression"


def _column_names(y: Any) -> list[object]:
    if isinstance(y, pd.DataFrame):
        return list(y.columns)
    return [y.name] if isinstance(y, pd.Series) else []


def _numbers(table: pd.DataFrame) -> NDArray[np.float32]:
    try:
        return table.to_numpy(np.float32, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"y holds labels that are not numbers ({error}); regression needs numbers") from None


def _classes(column: "pd.Series[Any]", name: str) -> NDArray[Any]:
    from sklearn.utils.multiclass import type_of_target

    present = column.dropna().infer_objects().to_numpy()
    if len(present) and not isinstance(present[0], str | bool | int | float | np.number | np.bool_):
        raise DataError(f"{name}: classes must be texts, booleans or numbers, got {present[0]!r}")
    found = np.unique(present)
    if len(found) != 2:
        named = ", ".join(map(repr, found[:4].tolist())) + (", ..." if len(found) > 4 else "")
        raise DataError(
            f"{name}: Only binary classification is supported. The type of the target is "
            f"{type_of_target(present)}: {len(found)} classes ({named}) where there must be two"
        )
    return found


def _codes(column: "pd.Series[Any]", classes: NDArray[Any]) -> NDArray[np.float32]:
    codes = (column == classes[1]).to_numpy(np.float32, na_value=0)
    codes[column.isna().to_numpy()] = np.nan
    return codes
