"""What each method and seed of a benchmark came to, on disk as soon as it is known."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from molweight.errors import DataError
from molweight.run_folder import RunFolder, read_json, write_json
from molweight.solver import StepRecord
from molweight.tasks.metrics import Score

FOLDER = "outcomes"  # below the report's folder, until there is a report


@dataclass(frozen=True)
class Outcome:
    """One method with one seed: its scores, its cost, and what it did with objective weights.

    `others` are the test scores by the other metrics of the kind, `machine` what it was computed on and how
    precisely.
    """

    test: Score
    others: dict[str, float]
    valid: float
    seconds: float
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)
    machine: str = ""


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
            return Outcome(**found)
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: not an outcome of this version ({error}); delete it") from None

    def save(self, method: str, seed: int, outcome: Outcome) -> None:
        """Keep an outcome; the snapshot that led to it has done its work."""
        write_json(asdict(outcome), self._path(method, seed))
        self.snapshot(method, seed).unlink(missing_ok=True)

    def snapshot(self, method: str, seed: int) -> Path:
        """Where a method may keep its state while it runs."""
        return self.folder / f"{method}-{seed}.safetensors"

    def _path(self, method: str, seed: int) -> Path:
        return self.folder / f"{method}-{seed}.json"
