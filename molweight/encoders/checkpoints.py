"""Encoders from and to files: ours, DGL-LifeSci's by name, and state dicts in safetensors or .pth."""

import contextlib
import os
import warnings
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from molweight.encoders.gin import GIN
from molweight.errors import CheckpointError
from molweight.paths import cache_folder, replacing

DEFAULT = "molweight_gin"
DGLLIFE_MODELS = (
    "gin_supervised_contextpred",
    "gin_supervised_infomax",
    "gin_supervised_edgepred",
    "gin_supervised_masking",
)


def load_encoder(checkpoint: str = DEFAULT, data_folders: tuple[Path, ...] = ()) -> GIN:
    """A GIN with pretrained weights.

    Args:
        checkpoint: `molweight_gin` (comes with the package), a name of DGL-LifeSci's pretrained GINs (a
            local copy is used where one is found, else its own loader fetches it), or a path to a
            `.safetensors` or `.pth` state dict. A `.pth` is read without unpickling code.
        data_folders: folders whose `weights` subfolder may hold a copy of a named model.

    Raises:
        CheckpointError: if there is no such checkpoint or it does not fit the GIN.
    """
    path = find_checkpoint(checkpoint, data_folders)
    state = _read(path)
    state = {name.removeprefix("gnn."): value.float() for name, value in state.items() if _of_encoder(name)}
    encoder = GIN(layers=_layers(state), width=_width(state, path))
    _check_shapes(state, encoder, path)
    missing, unexpected = encoder.load_state_dict(_with_counters(state), strict=False)
    if missing or unexpected:
        wrong = ", ".join((*missing, *unexpected)[:3])
        raise CheckpointError(
            f"{path}: not a state dict of this GIN ({len(missing)} parameters missing, {len(unexpected)} "
            f"unknown, such as {wrong}); use one with DGL-LifeSci's parameter names"
        )
    return encoder


def save_encoder(encoder: GIN, path: Path, metadata: Mapping[str, str]) -> None:
    """Write an encoder as float16 safetensors, complete or not at all.

    Args:
        encoder: its weights and batch-normalisation statistics are written.
        path: file to write.
        metadata: stored with it.
    """
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in encoder.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with replacing(path) as temporary:
        packed = {name: value.contiguous().cpu() for name, value in state.items()}
        temporary.write_bytes(save(packed, dict(metadata)))  # by us, so that the umask is honoured


def find_checkpoint(checkpoint: str, data_folders: tuple[Path, ...] = ()) -> Path:
    """The file a checkpoint's name or path stands for, fetched where that is needed."""
    if checkpoint == DEFAULT:
        return Path(str(files("molweight.encoders.weights") / f"{DEFAULT}.safetensors"))
    if checkpoint not in DGLLIFE_MODELS:
        path = Path(checkpoint)
        if not path.is_file():
            names = ", ".join((DEFAULT, *DGLLIFE_MODELS))
            raise CheckpointError(
                f"{checkpoint}: no such file; give a .safetensors or .pth path, or one of {names}"
            )
        return path
    cache = cache_folder() / "weights"
    folders = [*(folder / "weights" for folder in data_folders), cache, Path()]
    for folder in folders:
        for file in (f"{checkpoint}.safetensors", f"{checkpoint}_pre_trained.pth", f"{checkpoint}.pth"):
            if (folder / file).is_file():
                return folder / file
    return _fetch(checkpoint, cache)


def _fetch(name: str, folder: Path) -> Path:
    """Let DGL-LifeSci's loader, which writes to the working folder, download a model into the cache."""
    file = f"{name}_pre_trained.pth"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        from dgllife.model import load_pretrained

        with TemporaryDirectory(dir=folder) as work:
            with contextlib.chdir(work):
                load_pretrained(name, log=False)
            os.replace(Path(work) / file, folder / file)
    except Exception as error:  # requests, DGL and dgllife fail in many ways, all of them final here
        raise CheckpointError(
            f"{name}: no local copy, and DGL-LifeSci's loader could not fetch it ({_first_line(error)}); "
            f"put {file} into {folder}"
        ) from None
    return folder / file


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what cannot be read is refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("model_state_dict", state)
        return {n: v for n, v in state.items() if isinstance(n, str) and isinstance(v, Tensor)}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except UnpicklingError:
        raise CheckpointError(
            f"{path}: holds more than tensors, and code from a checkpoint is never run; "
            "save its state_dict alone"
        ) from None
    except Exception as error:  # a damaged file makes the readers fail in many ways
        raise CheckpointError(f"{path}: not a readable state dict ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _of_encoder(name: str) -> bool:
    return name.removeprefix("gnn.").split(".")[0] in ("node_embeddings", "gnn_layers")


def _layers(state: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in state if name.startswith("gnn_layers.")})


def _width(state: Mapping[str, Tensor], path: Path) -> int:
    table = state.get("node_embeddings.0.weight")
    if table is None or table.ndim != 2:
        raise CheckpointError(
            f"{path}: not a state dict of this GIN (no matrix node_embeddings.0.weight); "
            "use one with DGL-LifeSci's parameter names"
        )
    return table.shape[1]


def _check_shapes(state: Mapping[str, Tensor], encoder: GIN, path: Path) -> None:
    for name, wanted in encoder.state_dict().items():
        if name in state and state[name].shape != wanted.shape:
            raise CheckpointError(
                f"{path}: not a state dict of this GIN ({name} has shape {tuple(state[name].shape)}, "
                f"not {tuple(wanted.shape)}); use one with DGL-LifeSci's atom and bond types"
            )


def _with_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the batch counters that float16 files leave out; they play no part in any result."""
    layers = {".".join(name.split(".")[:3]) for name in state if ".bn." in name}
    return {f"{layer}.num_batches_tracked": torch.tensor(0) for layer in layers} | state
