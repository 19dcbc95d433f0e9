"""A pretraining run on disk: one safetensors file that is complete or not there, and no pickle."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from molweight.errors import DataError
from molweight.paths import replacing
from molweight.tasks.pretrain import PretrainState

FORMAT = "molweight-pretrain-1"


def save_snapshot(state: PretrainState, path: Path, about: dict[str, Any]) -> None:
    """Write parameters, optimiser, scales, step and what else the run wants to remember.

    Args:
        state: left as it is.
        path: file to replace.
        about: JSON values, among them what a resumed run must agree with.
    """
    tensors = {f"problem.{name}": value for name, value in state.problem.state_dict().items()}
    for number, values in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in values.items()}
    metadata = {"format": FORMAT, "step": state.step, "norms": state.scale.norms, "about": about}
    with replacing(path) as temporary:
        packed = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        temporary.write_bytes(save(packed, {"snapshot": json.dumps(metadata)}))


def read_about(path: Path) -> dict[str, Any]:
    """What a snapshot remembers besides the state.

    Raises:
        DataError: if the file is not a snapshot.
    """
    return _metadata(path)["about"]


def restore_snapshot(state: PretrainState, path: Path) -> None:
    """Bring a freshly started state to where the snapshot was taken.

    Raises:
        DataError: if the file is not a snapshot of such a run.
    """
    metadata = _metadata(path)
    with safe_open(path, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    problem = {n.removeprefix("problem."): t for n, t in tensors.items() if n.startswith("problem.")}
    try:
        state.problem.load_state_dict(problem)
    except RuntimeError as error:
        shown = str(error).splitlines()[1].strip()
        raise DataError(
            f"{path}: a snapshot of another encoder or other objectives ({shown}); delete it to start anew"
        ) from None
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = value
    groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    state.scale.norms = metadata["norms"]
    state.step = metadata["step"]


def _metadata(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as opened:
            found = json.loads((opened.metadata() or {})["snapshot"])
            version = found["format"]
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataError(
            f"{path}: not a snapshot of a pretraining run ({error}); delete it to start anew"
        ) from None
    if version != FORMAT:
        raise DataError(f"{path}: a snapshot of another version ({version}); delete it to start anew")
    return found
