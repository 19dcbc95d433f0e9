"""A fitted estimator on disk: a model folder, and beside its files what only Python needs."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.encoders.compute import Compute
from molweight.errors import CheckpointError, ConfigError
from molweight.screening.model import Model
from molweight.screening.model_folder import TRAINING, read_model, write_model

ESTIMATOR = "estimator.json"
KINDS = "biufUO"  # of NumPy's dtypes: those that a class may have


@dataclass(frozen=True)
class FittedState:
    """What fitting gave.

    Attributes:
        model: the calibrated ensemble.
        labels: of its training molecules, float32 [molecules, tasks].
        classes: of each classification task, the two labels; empty for regression.
        weights: of the objectives; None where the method has none.
        report: JSON values.
    """

    model: Model
    labels: NDArray[np.float32]
    classes: tuple[NDArray[Any], ...]
    weights: dict[str, float] | None
    report: dict[str, Any]


def write_fitted(state: FittedState, parameters: dict[str, Any], folder: Path) -> None:
    """Write into a new folder, complete or not at all.

    Args:
        state: what to write.
        parameters: of the estimator; a random state that is not a number is left out.
        folder: does not exist or is empty.

    Raises:
        ConfigError: if the folder holds something.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder}: exists and is not an empty folder; name another or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        work.chmod(0o777 & ~_umask())
        write_model(state.model, state.labels, work)
        content = {
            "parameters": {name: value for name, value in parameters.items() if _plain(value)},
            "classes": [{"dtype": pair.dtype.str, "values": pair.tolist()} for pair in state.classes],
            "weights": state.weights,
            "report": state.report,
        }
        (work / ESTIMATOR).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read_fitted(folder: Path, compute: Compute) -> tuple[FittedState, dict[str, Any]]:
    """What `write_fitted` wrote, and the parameters.

    Raises:
        CheckpointError: if there is none, or it was changed.
    """
    model = read_model(folder, compute)
    path = folder / ESTIMATOR
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        classes = tuple(_classes(pair) for pair in content["classes"])
        labels = pd.read_csv(folder / TRAINING)[list(model.about.tasks)].to_numpy(np.float32)
        state = FittedState(model, labels, classes, content["weights"], dict(content["report"]))
        parameters = dict(content["parameters"])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; PropertyModel.save did not write this model") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); save the model anew") from None
    if len(classes) != len(model.about.classes):
        raise CheckpointError(
            f"{path}: has classes of {len(classes)} tasks, not of {len(model.about.classes)}"
        )
    return state, parameters


def _classes(pair: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(pair["dtype"])
    found = np.array(pair["values"], dtype)
    if dtype.kind not in KINDS or found.shape != (2,):
        raise ValueError(f"{pair} are not two classes")
    return found


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
