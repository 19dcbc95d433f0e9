"""What each method and seed of a benchmark came to, on disk as soon as it is known."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from molweight.errors import ConfigError, DataError
from molweight.paths import replacing
from molweight.solver import StepRecord
from molweight.tasks.metrics import Score

FOLDER = "outcomes"  # below the report's folder, until there is a report
RUN = "run.json"


@dataclass(frozen=True)
class Outcome:
    """One method with one seed: its scores, its cost, and what it did with objective weights.

    `others` are the test scores by the other metrics of the kind.
    """

    test: Score
    others: dict[str, float]
    valid: float
    seconds: float
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Outcomes:
    """The folder of the outcomes that a run has reached."""

    folder: Path

    def begin(self, identity: dict[str, Any], resume: bool, overwrite: bool) -> None:
        """Make the folder, or find it begun by the same run.

        Args:
            identity: JSON values that decide the numbers.
            resume: go on with what is there.
            overwrite: remove what is there.

        Raises:
            ConfigError: if there is something that may be neither resumed nor removed, or was begun by
                another run.
        """
        run = self.folder / RUN
        if run.exists() and not (resume or overwrite):
            raise ConfigError(
                f"{self.folder}: holds an interrupted run; give --resume with its folder to go on, "
                "--overwrite to start anew, or another --out"
            )
        if run.exists() and resume:
            differing = _differing(_read(run), json.loads(json.dumps(identity)))
            if differing:
                raise ConfigError(
                    f"{run}: was begun with another {', another '.join(differing)}; repeat the options it "
                    "was begun with, or give --out and --overwrite to start anew"
                )
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        _write(identity, run)

    def load(self, method: str, seed: int) -> Outcome | None:
        """An outcome reached before, or None.

        Raises:
            DataError: if its file is damaged.
        """
        path = self._path(method, seed)
        if not path.exists():
            return None
        found = _read(path)
        try:
            found["test"]["left_out"] = tuple(found["test"]["left_out"])
            found["test"] = Score(**found["test"])
            found["history"] = [StepRecord(**record) for record in found["history"]]
            return Outcome(**found)
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: not an outcome of this version ({error}); delete it") from None

    def save(self, method: str, seed: int, outcome: Outcome) -> None:
        """Keep an outcome; the snapshot that led to it has done its work."""
        _write(asdict(outcome), self._path(method, seed))
        self.snapshot(method, seed).unlink(missing_ok=True)

    def snapshot(self, method: str, seed: int) -> Path:
        """Where a method may keep its state while it runs."""
        return self.folder / f"{method}-{seed}.safetensors"

    def remove(self) -> None:
        """Once there is a report."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, method: str, seed: int) -> Path:
        return self.folder / f"{method}-{seed}.json"


def _differing(begun: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    return sorted(name for name in begun.keys() | asked.keys() if begun.get(name) != asked.get(name))


def _write(content: dict[str, Any], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")  # NaN stays NaN, floats keep every bit


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it and resume") from None
