"""Molecules and labels as Python code hands them over, as what can be learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdkit import Chem

from molweight.errors import DataError
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import Store, store_of
from molweight.screening.training_set import TrainingSet
from molweight.tasks.data import TaskData, TaskKind

Asked = Literal["auto", "classification", "regression"]
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


def read_labels(y: Any, asked: Asked = "auto") -> Labels:
    """Labels as numbers.

    Left to itself, it takes them for classes if they are texts, booleans, or numbers of which each task
    holds exactly 0 and 1.

    Args:
        y: [rows] or [rows, tasks], missing where NaN or None.
        asked: what the labels are, where that is not to be found out.

    Raises:
        DataError: if they are not finite, not numbers where they must be, or not of two classes.
    """
    table = _table(y)
    kind = _kind(table) if asked == "auto" else asked
    tasks = _names(table)
    if kind == "regression":
        return Labels(_numbers(table), kind, tasks, ())
    classes = tuple(_classes(table.iloc[:, i], name) for i, name in enumerate(tasks))
    codes = [_codes(table.iloc[:, i], pair) for i, pair in enumerate(classes)]
    return Labels(np.stack(codes, axis=1), kind, tasks, classes)


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
    return TrainingSet("Python", data, rows, names, (), ())


def _text(value: object, place: str) -> str:
    if isinstance(value, Chem.Mol):
        return str(Chem.MolToSmiles(value))
    if isinstance(value, str):
        return str(value)
    raise DataError(f"{place}: {value!r} is neither a SMILES text nor an RDKit molecule")


def _table(y: Any) -> pd.DataFrame:
    """[rows, tasks], without infinities."""
    table = y.to_frame() if isinstance(y, pd.Series) else pd.DataFrame(y)
    if table.shape[1] == 0 or table.isna().all(axis=None):
        raise DataError("y has no labels; every one is missing")
    for column in range(table.shape[1]):
        values = table.iloc[:, column]
        if pd.api.types.is_float_dtype(values) and np.isinf(values.to_numpy(np.float64, na_value=0)).any():
            row = int(np.isinf(values.to_numpy(np.float64, na_value=0)).argmax())
            raise DataError(
                f"Input y contains infinity (row {row}); make it NaN where it means a missing label"
            )
    return table


def _kind(table: pd.DataFrame) -> TaskKind:
    columns = [table.iloc[:, i].dropna() for i in range(table.shape[1])]
    numeric = [pd.api.types.is_numeric_dtype(c.infer_objects()) for c in columns]
    words = any(
        not n or pd.api.types.is_bool_dtype(c.infer_objects()) for n, c in zip(numeric, columns, strict=True)
    )
    return "classification" if words or all(set(c) <= {0, 1} for c in columns) else "regression"


def _names(table: pd.DataFrame) -> tuple[str, ...]:
    """Those of the columns, or numbered ones where they are none that a table of molecules can have."""
    names = tuple(map(str, table.columns))
    given = all(isinstance(name, str) for name in table.columns) and len(set(names)) == len(names)
    if len(names) == 1 and not given:
        return ("y",)
    return names if given and not set(names) & set(OWN_COLUMNS) else tuple(f"y{i}" for i in range(len(names)))


def _numbers(table: pd.DataFrame) -> NDArray[np.float32]:
    try:
        return table.to_numpy(np.float32, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"y holds labels that are not numbers ({error}); regression needs numbers") from None


def _classes(column: "pd.Series[Any]", name: str) -> NDArray[Any]:
    present = column.dropna().infer_objects()
    found = np.unique(present.to_numpy())
    if len(found) != 2:
        named = ", ".join(map(str, found[:4])) + (", ..." if len(found) > 4 else "")
        raise DataError(f"{name}: classification needs labels of two classes, got {len(found)} ({named})")
    if not isinstance(
        found[0].item() if isinstance(found[0], np.generic) else found[0], str | bool | int | float
    ):
        raise DataError(f"{name}: classes must be texts, booleans or numbers, got {found[0]!r}")
    return found


def _codes(column: "pd.Series[Any]", classes: NDArray[Any]) -> NDArray[np.float32]:
    codes = np.where((column == classes[1]).fillna(False), 1.0, 0.0).astype(np.float32)
    codes[column.isna().to_numpy()] = np.nan
    return codes
