"""The folder of a suite's results: what was asked, and for each data set and split its cells' outcomes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import molweight
from molweight.benchmarks.outcomes import FOLDER, Outcome, Outcomes, write_array
from molweight.benchmarks.suite.plan import Cell, SuiteConfig, suite_json, suite_of, widened
from molweight.benchmarks.suite.results import SETTING, SUITE
from molweight.benchmarks.suite.setting import Prepared, setting_json
from molweight.benchmarks.suite.work import Failure
from molweight.errors import ConfigError
from molweight.reports.rejected import write_rejected
from molweight.run_folder import read_json, write_json


@dataclass(frozen=True)
class SuiteFolder:
    """Every file in it is complete or not there."""

    folder: Path

    def begun(self) -> SuiteConfig:
        """What was asked of it so far.

        Raises:
            ConfigError: if no suite was begun there.
            DataError: if the file that says so is damaged.
        """
        path = self.folder / SUITE
        if not path.is_file():
            raise ConfigError(f"{self.folder}: no suite was begun there; use --out to begin one")
        return suite_of(read_json(path), str(path))

    def begin(self, config: SuiteConfig, about: Mapping[str, str]) -> None:
        """Write down what is asked, beside what was asked before.

        Args:
            config: what is asked.
            about: the compute, the command and, where there are some, the SHA-256 of unlabelled molecules.

        Raises:
            ConfigError: if it does not go with that.
            DataError: if the file of that is damaged.
        """
        path = self.folder / SUITE
        said = {**about, "version": molweight.__version__}
        if path.is_file():
            before = read_json(path)
            begun = suite_of(before, str(path))
            for name in ("version", "unlabelled_sha256"):
                if before.get(name) != said.get(name):
                    was, now = before.get(name), said.get(name)
                    raise ConfigError(f"{path}: begun with {name} {was}, not {now}; give another --out")
            config = widened(begun, config)
            said["compute"] = _also(before["compute"], said["compute"])
            said["command"] = (
                before["command"] if config == begun else _also(before["command"], said["command"])
            )
        write_json({**suite_json(config), **said}, path)

    def outcome(self, cell: Cell) -> Outcome | None:
        """What a cell came to, or None.

        Raises:
            DataError: if its file is damaged.
        """
        return self._outcomes(cell).load(cell.method, cell.seed)

    def keep(self, cell: Cell, outcome: Outcome) -> None:
        """Once a cell is done; nothing is left of attempts before."""
        kept = self._outcomes(cell)
        kept.save(cell.method, cell.seed, outcome)
        half_written = kept.folder.glob(f".{cell.method}-{cell.seed}.*")  # when the program was killed
        for path in (self._failure(cell), *half_written):
            path.unlink(missing_ok=True)

    def keep_failure(self, cell: Cell, failure: Failure) -> None:
        """Once a cell has failed; it is done again by the next run."""
        write_json(asdict(failure), self._failure(cell))

    def snapshot(self, cell: Cell) -> Path:
        """Where a method may keep its state while it runs."""
        return self._outcomes(cell).snapshot(cell.method, cell.seed)

    def write_setting(self, data_set: str, split: str, prepared: Prepared) -> dict[str, Any]:
        """Write `setting.json`, which it gives, the rejected rows, and the test labels that reports need.

        Raises:
            ConfigError: if the outcomes that are there are of other data or other splits.
        """
        folder = self.folder / data_set / split
        path, setting = folder / SETTING, setting_json(data_set, split, prepared)
        if path.is_file():
            setting = _longer(read_json(path), setting, path)
        if prepared.loaded.rejected:
            write_rejected(prepared.loaded.rejected, prepared.loaded.sources, folder / "rejected.csv")
        for seed in range(len(prepared.splits)):
            write_array(prepared.test_labels(seed), folder / FOLDER / f"labels-{seed}.npy")
        write_json(setting, path)
        return setting

    def _outcomes(self, cell: Cell) -> Outcomes:
        return Outcomes(self.folder / cell.data_set / cell.split / FOLDER)

    def _failure(self, cell: Cell) -> Path:
        return self._outcomes(cell).folder / f"{cell.method}-{cell.seed}.failed.json"


def _also(before: str, now: str) -> str:
    """A run after another; said once where it is the same."""
    return before if now in before.split("; ") else f"{before}; {now}"


def _longer(before: dict[str, Any], now: dict[str, Any], path: Path) -> dict[str, Any]:
    """The one with more seeds, if the other is of the same data and splits."""
    number = min(len(before["digests"]), len(now["digests"]))
    first, second = (_shortened(setting, number) for setting in (before, now))
    if differing := sorted(name for name in first | second if first.get(name) != second.get(name)):
        raise ConfigError(
            f"{path}: its outcomes are of another {', another '.join(differing)}; begin another --out"
        )
    return max(before, now, key=lambda setting: len(setting["digests"]))


def _shortened(setting: dict[str, Any], seeds: int) -> dict[str, Any]:
    """With the values of so many seeds, and of unlabelled molecules what is in their file alone."""
    pool = setting["unlabelled"] and setting["unlabelled"]["sha256"]
    return {**setting, **{name: setting[name][:seeds] for name in ("digests", "sizes")}, "unlabelled": pool}
