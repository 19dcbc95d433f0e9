"""Work in named parts, side by side, each kept as soon as it is done."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import joblib
import numpy as np

from molweight.reports.progress import progress_bar
from molweight.reports.side_by_side import run_calls
from molweight.run_folder import RunFolder, read_json, write_json

Job = tuple[str, Callable[..., Any], tuple[Any, ...]]  # name of the part, function, arguments


def do_parts(parts: Sequence[Job], kept: RunFolder, jobs: int, title: str) -> dict[str, Any]:
    """The result of each part by its name, as JSON values; each is kept as soon as it is done.

    Args:
        parts: those that the folder has already are not done again.
        kept: folder of finished parts.
        jobs: processes; -1 for one on each core.
        title: of the progress bar.

    Raises:
        DataError: if a kept part is damaged.
    """
    paths = {name: kept.folder / f"{name}.json" for name, _, _ in parts}
    missing = [part for part in parts if not paths[part[0]].exists()]
    calls = [joblib.delayed(_plain_result)(function, arguments) for _, function, arguments in missing]
    with progress_bar(title) as advance:
        for done, ((name, _, _), result) in enumerate(zip(missing, run_calls(calls, jobs), strict=True), 1):
            write_json({"result": result}, paths[name])
            advance(done, len(missing), "")
    return {name: read_json(path)["result"] for name, path in paths.items()}


def _plain_result(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return _plain(function(*arguments))


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
