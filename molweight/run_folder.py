"""The folder where a long run keeps what it has reached, and what a resumed one must agree with."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molweight.errors import ConfigError, DataError
from molweight.paths import replacing

RUN = "run.json"


@dataclass(frozen=True)
class RunFolder:
    """A folder of finished parts, each of them one file that is complete or not there."""

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
            differing = _differing(read_json(run), json.loads(json.dumps(identity)))
            if differing:
                raise ConfigError(
                    f"{run}: was begun with another {', another '.join(differing)}; repeat the options it "
                    "was begun with, or give --out and --overwrite to start anew"
                )
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        write_json(identity, run)

    def remove(self) -> None:
        """Once the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write JSON whole or not at all; NaN stays NaN, and floats keep every bit."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote.

    Raises:
        DataError: if the file cannot be read or is damaged.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it and resume") from None


def _differing(begun: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    return sorted(name for name in begun.keys() | asked.keys() if begun.get(name) != asked.get(name))
