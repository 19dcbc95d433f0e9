"""A training run on disk: one safetensors file that is complete or not there, and no pickle."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from molweight.errors import DataError
from molweight.paths import replacing
from molweight.solver import LoopState
from molweight.tasks.pretrain import PretrainState

FORMAT = "molweight-pretrain-2"

State = PretrainState | LoopState


@dataclass(frozen=True)
class _Parts:
    """What of a state is tensors, by the name it has in a snapshot."""

    modules: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    tensors: dict[str, Tensor] = field(default_factory=dict)


def save_snapshot(state: State, path: Path, about: dict[str, Any]) -> None:
    """Write parameters, optimisers, weights, scales, step and what else the run wants to remember.

    Random choices need no state: they are functions of the step.

    Args:
        state: left as it is.
        path: file to replace.
        about: JSON values, among them what a resumed run must agree with.
    """
    parts = _parts(state)
    tensors = dict(parts.tensors)
    for prefix, module in parts.modules.items():
        tensors |= {f"{prefix}.{name}": value for name, value in module.state_dict().items()}
    for prefix, optimiser in parts.optimisers.items():
        for number, values in optimiser.state_dict()["state"].items():
            # plain gradient descent keeps a None for its momentum
            kept = {name: value for name, value in values.items() if value is not None}
            tensors |= {f"{prefix}.{number}.{name}": value for name, value in kept.items()}
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


def restore_snapshot(state: State, path: Path) -> None:
    """Bring a freshly started state to where the snapshot was taken.

    Raises:
        DataError: if the file is not a snapshot of such a run.
    """
    metadata = _metadata(path)
    parts = _parts(state)
    with safe_open(path, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    try:
        for prefix, module in parts.modules.items():
            module.load_state_dict(_below(prefix, tensors))
    except RuntimeError as error:
        shown = str(error).splitlines()[1].strip()
        raise DataError(
            f"{path}: a snapshot of another encoder or other objectives ({shown}); delete it to start anew"
        ) from None
    for prefix, optimiser in parts.optimisers.items():
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(prefix, tensors).items():
            number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})
    for name, tensor in parts.tensors.items():
        tensor.copy_(tensors[name])
    state.scale.norms = metadata["norms"]
    state.step = metadata["step"]


def _parts(state: State) -> _Parts:
    if isinstance(state, PretrainState):
        return _Parts({"problem": state.problem}, {"optimiser": state.optimiser})
    copies = {f"copy{number}": each for number, each in enumerate(state.copies)}
    optimisers = {f"copy{number}_optimiser": each for number, each in enumerate(state.copy_optimisers)}
    return _Parts(
        {"pretrain": state.pretrain, **copies},
        {
            "pretrain_optimiser": state.pretrain_optimiser,
            "weight_optimiser": state.weight_optimiser,
            **optimisers,
        },
        {"logits": state.logits, "fold_slopes": state.fold_slopes},
    )


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(f"{prefix}."): t for n, t in tensors.items() if n.startswith(f"{prefix}.")}


def _metadata(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as opened:
            found = json.loads((opened.metadata() or {})["snapshot"])
            version = found["format"]
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataError(
            f"{path}: not a snapshot of a training run ({error}); delete it to start anew"
        ) from None
    if version != FORMAT:
        raise DataError(f"{path}: a snapshot of another version ({version}); delete it to start anew")
    return found
