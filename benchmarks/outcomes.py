"""What each method and seed of a benchmark came to, on disk as soon as it is known."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.paths import replacing
from molweight.run_folder import RunFolder, read_json, write_json
from molweight.solver import StepRecord
from molweight.tasks.metrics import Score

FOLDER = "outcomes"  # below the report's folder, until there is a report


@dataclass(frozen=True)
class Outcome:
    """One method with one seed: its scores, its cost, and what it did with objective weights.

    Attributes:
        test: score of the test part by the metric that counts.
        others: test scores by the other metrics of the kind.
        valid: validation score.
        seconds: of fitting and predicting.
        weights: of the objectives, where there were any.
        history: of learning them.
        machine: device and precision.
        predictions: for the test part, float32 [molecules, tasks]; in a file of their own.
    """

    test: Score
    others: dict[str, float]
    valid: float
    seconds: float
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)
    machine: str = ""
    predictions: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Outcomes(RunFolder):
    """The folder of the outcomes that a run has reached."""

    def load(self, method: str, seed: int) -> Outcome | None:
        """An outcome reached before, or None.

        Raises:
            DataError: if its file is damaged.
        """
        path = self._path(method, seed)
        if not path.exists():
            return None
        found = read_json(path)
        try:
            found["test"]["left_out"] = tuple(found["test"]["left_out"])
            found["test"] = Score(**found["test"])
            found["history"] = [StepRecord(**record) for record in found["history"]]
            return Outcome(**found, predictions=read_array(path.with_suffix(".npy")))
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: not an outcome of this version ({error}); delete it") from None

    def save(self, method: str, seed: int, outcome: Outcome) -> None:
        """Keep an outcome, predictions first; the snapshot that led to it has done its work."""
        path = self._path(method, seed)
        if outcome.predictions is not None:
            write_array(outcome.predictions, path.with_suffix(".npy"))
        content = asdict(replace(outcome, predictions=None))
        del content["predictions"]
        write_json(content, path)
        self.snapshot(method, seed).unlink(missing_ok=True)

    def snapshot(self, method: str, seed: int) -> Path:
        """Where a method may keep its state while it runs."""
        return self.folder / f"{method}-{seed}.safetensors"

    def _path(self, method: str, seed: int) -> Path:
        return self.folder / f"{method}-{seed}.json"


def write_array(values: NDArray[np.float32], path: Path) -> None:
    """Write an array whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values, allow_pickle=False)


def read_array(path: Path) -> NDArray[np.float32] | None:
    """What `write_array` wrote, or None where there is no such file.

    Raises:
        DataError: if the file is damaged.
    """
    try:
        found: NDArray[np.float32] = np.load(path, allow_pickle=False)
        return found
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it with its .json and resume") from None
