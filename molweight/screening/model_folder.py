"""A model on disk: JSON, safetensors and CSV, each with its checksum, and nothing that is unpickled."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.errors import CheckpointError
from molweight.molecules.head_inputs import HeadInputs
from molweight.screening.calibration import PlattScaling
from molweight.screening.conformal import CrossIntervals, CrossSets
from molweight.screening.domain import Domain
from molweight.screening.members import Member, Part, parts_of
from molweight.screening.model import About, Model
from molweight.screening.model_index import check_files, read_index, write_index
from molweight.screening.trees import TreeArrays
from molweight.tasks.baselines import RandomForest
from molweight.tasks.boosting import Boosting
from molweight.tasks.consensus import Consensus, Trees
from molweight.tasks.data import Scaler
from molweight.tasks.finetune import FinetunedModel
from molweight.tasks.problems import FinetuneProblem

FORMAT = "molweight-model-5"
FILES = MEMBERS, CALIBRATION, TRAINING = "weights.safetensors", "calibration.safetensors", "training.csv"
AND = "+"  # between the kinds of what a member is made of
REBUILD: dict[str, Callable[[TreeArrays], Trees]] = {
    "forest": TreeArrays.random_forest,
    "boosting": TreeArrays.boosting,
}

Arrays = dict[str, NDArray[Any]]


def write_model(model: Model, labels: NDArray[np.float32], folder: Path) -> None:
    """Write the files of a model into a folder that nobody reads yet.

    Args:
        model: what to write.
        labels: of its training molecules, [molecules, tasks], NaN where missing.
        folder: exists.
    """
    (folder / MEMBERS).write_bytes(save(_member_arrays(model.members)))
    parts = {"domain": model.domain.arrays(), "conformal": model.conformal.arrays()}
    if model.platt is not None:
        parts["platt"] = model.platt.arrays()
    (folder / CALIBRATION).write_bytes(save(joined(parts)))
    _write_training(model, labels, folder / TRAINING)
    kinds = [_member_kind(member) for member in model.members]
    write_index(folder, FORMAT, asdict(model.about), kinds, FILES)


def read_model(folder: Path, compute: Compute) -> Model:
    """A model that `write_model` wrote.

    Args:
        folder: of the model.
        compute: device and precision to predict with.

    Raises:
        CheckpointError: if there is no model, it is of another version, or a file was changed since.
    """
    index = read_index(folder, FORMAT, "adapt")
    check_files(folder, index, (name for name in FILES if (folder / name).is_file()))
    try:
        return _assemble(index, folder, compute)
    except (OSError, LookupError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: not a readable model ({error}); adapt anew") from None


def _assemble(index: Mapping[str, Any], folder: Path, compute: Compute) -> Model:
    said = index["about"]
    about = About(
        said["kind"],
        tuple(said["tasks"]),
        tuple((zero, one) for zero, one in said["classes"]),
        said["method"],
        said["metric"],
    )
    arrays = load((folder / MEMBERS).read_bytes())
    members = tuple(
        _member(kind, below(f"{number}", arrays), about, compute)
        for number, kind in enumerate(index["members"])
    )
    found = load((folder / CALIBRATION).read_bytes())
    platt = None if about.kind == "regression" else PlattScaling.from_arrays(below("platt", found))
    kind = CrossIntervals if about.kind == "regression" else CrossSets
    conformal: CrossIntervals | CrossSets = kind.from_arrays(below("conformal", found))
    smiles = _read_training(folder / TRAINING)
    return Model(about, members, platt, conformal, Domain.from_arrays(below("domain", found)), smiles)


def _member_kind(member: Member) -> str:
    return AND.join(map(_part_kind, parts_of(member)))


def _part_kind(part: Part) -> str:
    if isinstance(part, Boosting):
        return "boosting"
    return "forest" if isinstance(part, RandomForest) else "network"


def _member_arrays(members: tuple[Member, ...]) -> Arrays:
    return joined({str(number): _arrays_of(member) for number, member in enumerate(members)})


def _arrays_of(member: Member) -> Arrays:
    return joined({_part_kind(part): _part_arrays(part) for part in parts_of(member)})


def _part_arrays(part: Part) -> Arrays:
    if not isinstance(part, FinetunedModel):
        return TreeArrays.of(part).arrays()
    state = {name: value.cpu().numpy() for name, value in part.problem.state_dict().items()}
    valid = np.array(part.valid, np.float64)
    return {**state, "scaler.mean": part.scaler.mean, "scaler.std": part.scaler.std, "valid": valid}


def _member(kind: str, arrays: Arrays, about: About, compute: Compute) -> Member:
    parts = {each: below(each, arrays) for each in kind.split(AND)}
    kept = parts.pop("network", None)
    trees = tuple(REBUILD[each](TreeArrays.from_arrays(mine)) for each, mine in parts.items())
    if kept is None:
        (alone,) = trees
        return alone
    network = _network(kept, about, compute)
    return Consensus(network, trees) if trees else network


def _network(arrays: Arrays, about: About, compute: Compute) -> FinetunedModel:
    scaler = Scaler(arrays.pop("scaler.mean"), arrays.pop("scaler.std"))
    valid = float(arrays.pop("valid"))
    layers = len({name.split(".")[2] for name in arrays if name.startswith("encoder.gnn_layers.")})
    encoder = GIN(layers, arrays["encoder.node_embeddings.0.weight"].shape[1])
    inputs = HeadInputs.of_width(arrays["head.weight"].shape[1] - encoder.width)
    problem = FinetuneProblem(encoder, len(about.tasks), about.kind, compute, inputs)
    problem.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    return FinetunedModel(problem.to(compute.device).eval(), scaler, valid)


def _write_training(model: Model, labels: NDArray[np.float32], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "fold", *model.about.tasks])
        for smiles, fold, row in zip(model.smiles, model.conformal.folds, labels, strict=True):
            writer.writerow([smiles, int(fold), *("" if np.isnan(v) else f"{v:.7g}" for v in row)])


def _read_training(path: Path) -> tuple[str, ...]:
    with open(path, newline="", encoding="utf-8") as file:
        return tuple(row["smiles"] for row in csv.DictReader(file))


def joined(parts: Mapping[str, Arrays]) -> Arrays:
    """Several sets of arrays as one, each name behind that of its set and a dot."""
    return {
        f"{prefix}.{name}": np.ascontiguousarray(value).reshape(value.shape)
        for prefix, arrays in parts.items()
        for name, value in arrays.items()
    }


def below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """One of the sets that `joined` put together."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
