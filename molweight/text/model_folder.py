"""A model of texts on disk: JSON and safetensors, each with its checksum, and nothing that is unpickled."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from molweight.encoders.compute import Compute
from molweight.encoders.transformer_checkpoints import load_text_encoder, save_text_encoder
from molweight.errors import CheckpointError
from molweight.screening.conformal import CrossIntervals
from molweight.screening.model_folder import Arrays, below, joined
from molweight.screening.model_index import check_files, read_index, write_index
from molweight.screening.stored import refuse_unless, stored
from molweight.tasks.data import Scaler
from molweight.text.baselines import Tfidf, vectoriser_of
from molweight.text.class_sets import CrossClassSets, Temperature
from molweight.text.finetune import TextFinetuned
from molweight.text.members import TextMember
from molweight.text.model import TextAbout, TextModel
from molweight.text.problems import TextFinetuneProblem
from molweight.tokens.tokenise import Tokeniser

FORMAT = "molweight-text-model-1"
HEADS, CALIBRATION = "heads.safetensors", "calibration.safetensors"
WORDS, NETWORK = "words", "network"  # kinds of members


def write_text_model(model: TextModel, folder: Path) -> None:
    """Write the files of a model into a folder that nobody reads yet.

    Each network is a folder of its own that `transformers` can read; its head lies with the others'.

    Args:
        model: what to write.
        folder: exists.
    """
    for number, member in enumerate(model.members):
        _write_member(member, model.tokeniser, folder / _member_name(number))
    heads = {str(number): _head_arrays(member) for number, member in enumerate(model.members)}
    (folder / HEADS).write_bytes(save(joined(heads)))
    parts = {"conformal": model.conformal.arrays()}
    if model.temperature is not None:
        parts["temperature"] = model.temperature.arrays()
    (folder / CALIBRATION).write_bytes(save(joined(parts)))
    kinds = [WORDS if isinstance(member, Tfidf) else NETWORK for member in model.members]
    write_index(folder, FORMAT, asdict(model.about), kinds, _files(folder, len(kinds)))


def read_text_model(folder: Path, compute: Compute) -> TextModel:
    """A model that `write_text_model` wrote.

    Args:
        folder: of the model.
        compute: device and precision to predict with.

    Raises:
        CheckpointError: if there is no model, it is of another version, or a file was changed, removed or
            added since.
    """
    index = read_index(folder, FORMAT, "text adapt")
    check_files(folder, index, _files(folder, len(index["members"])))
    try:
        return _assemble(index, folder, compute)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: not a readable model ({error}); adapt anew") from None


def _files(folder: Path, members: int) -> set[str]:
    """Files that belong to a model: those of the members, with all that lies in their folders."""
    found = {name for name in (HEADS, CALIBRATION) if (folder / name).is_file()}
    for number in range(members):
        inside = (path for path in (folder / _member_name(number)).rglob("*") if path.is_file())
        found |= {path.relative_to(folder).as_posix() for path in inside}
    return found


def _member_name(number: int) -> str:
    return f"member-{number}"


def _write_member(member: TextMember, tokeniser: Tokeniser | None, folder: Path) -> None:
    if isinstance(member, Tfidf):
        folder.mkdir()
        terms = [str(term) for term in member.vectoriser.get_feature_names_out()]
        content = json.dumps(terms, ensure_ascii=False)
        (folder / "vocabulary.json").write_text(content, encoding="utf-8")
    elif tokeniser is not None:
        save_text_encoder(folder, member.problem.encoder, tokeniser)


def _head_arrays(member: TextMember) -> Arrays:
    if isinstance(member, Tfidf):
        return {
            "idf": member.vectoriser.idf_.astype(np.float64),
            "coefficients": member.coefficients.astype(np.float64),
            "intercept": member.intercept.astype(np.float64),
            "columns": member.columns,
            "strength": np.array([member.strength]),
        }
    head = {name: value.cpu().numpy() for name, value in member.problem.head.state_dict().items()}
    valid = np.array([member.valid], np.float64)
    return {**head, "mean": member.scaler.mean, "std": member.scaler.std, "valid": valid}


def _assemble(index: Mapping[str, Any], folder: Path, compute: Compute) -> TextModel:
    said = {**index["about"], "classes": tuple(index["about"]["classes"])}
    about = TextAbout(**said)
    heads = load((folder / HEADS).read_bytes())
    members: list[TextMember] = []
    tokeniser = None
    for number, kind in enumerate(index["members"]):
        place, head = folder / _member_name(number), below(str(number), heads)
        if kind == WORDS:
            members.append(_words_member(place, head, about))
        else:
            network, tokeniser = _network_member(place, head, about, compute)
            members.append(network)
    found = load((folder / CALIBRATION).read_bytes())
    if about.kind == "regression":
        intervals = CrossIntervals.from_arrays(below("conformal", found))
        return TextModel(about, tuple(members), tokeniser, None, intervals)
    temperature = Temperature.from_arrays(below("temperature", found))
    sets = CrossClassSets.from_arrays(below("conformal", found))
    return TextModel(about, tuple(members), tokeniser, temperature, sets)


def _words_member(folder: Path, arrays: Arrays, about: TextAbout) -> Tfidf:
    terms = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    vectoriser = vectoriser_of({term: number for number, term in enumerate(terms)})
    vectoriser.idf_ = stored(arrays, "idf", np.float64, (len(terms),))
    outputs = len(about.classes) or 1
    columns = stored(arrays, "columns", np.int64, (None,))
    refuse_unless(bool(((columns >= 0) & (columns < outputs)).all()), "columns", "has other classes")
    rows = len(columns) or 1
    coefficients = stored(arrays, "coefficients", np.float64, (rows, len(terms)))
    intercept = stored(arrays, "intercept", np.float64, (rows,))
    strength = float(stored(arrays, "strength", np.float64, (1,))[0])
    return Tfidf(vectoriser, coefficients, intercept, columns, outputs, strength)


def _network_member(
    folder: Path, arrays: Arrays, about: TextAbout, compute: Compute
) -> tuple[TextFinetuned, Tokeniser]:
    loaded = load_text_encoder(str(folder.resolve()))
    problem = TextFinetuneProblem(loaded.encoder, len(about.classes) or 1, about.kind, compute)
    shape = tuple(problem.head.weight.shape)
    weight, bias = stored(arrays, "weight", np.float32, shape), stored(arrays, "bias", np.float32, shape[:1])
    problem.head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    scaler = Scaler(*(stored(arrays, name, np.float32, (1,)) for name in ("mean", "std")))
    valid = float(stored(arrays, "valid", np.float64, (1,))[0])
    return TextFinetuned(problem.to(compute.device).eval(), scaler, valid), loaded.tokeniser
