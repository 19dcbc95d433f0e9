"""The index of a model folder: what the model is, and the checksum of every other file."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import molweight
from molweight.errors import CheckpointError

INDEX = "model.json"


def write_index(
    folder: Path, form: str, about: Mapping[str, Any], members: Sequence[str], files: Iterable[str]
) -> None:
    """Write the index, last of all files.

    Args:
        folder: of the model.
        form: name of the format, with its version.
        about: facts of the model.
        members: kind of each.
        files: names of the others, which exist.
    """
    content = {
        "format": form,
        "molweight": molweight.__version__,
        "about": about,
        "members": members,
        "sha256": {name: file_sha256(folder / name) for name in files},
    }
    (folder / INDEX).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_index(folder: Path, form: str, command: str) -> dict[str, Any]:
    """The content of the index.

    Args:
        folder: of the model.
        form: that is expected.
        command: that writes such models.

    Raises:
        CheckpointError: if there is none, or it is of another version or kind, or not sound.
    """
    path = folder / INDEX
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = index["format"]
        if version == form and not (isinstance(index["sha256"], dict) and isinstance(index["members"], list)):
            raise TypeError("sha256 or members")
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: no model ({INDEX} is missing); give a folder that {command} wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not the index of a model ({error}); adapt anew") from None
    if version != form:
        raise CheckpointError(
            f"{path}: a model of another version or kind ({version}, not {form}); adapt anew"
        )
    return index


def check_files(folder: Path, index: Mapping[str, Any], found: Iterable[str]) -> None:
    """Compare a model's files with its index.

    Args:
        folder: of the model.
        index: its content.
        found: names of the files that there are, of those that may be read.

    Raises:
        CheckpointError: if one was added, removed or changed since the index was written.
    """
    there, digests = set(found), index["sha256"]
    for name in sorted(there - digests.keys()):
        raise CheckpointError(f"{folder / name}: is not a file of the model; remove it or adapt anew")
    for name, digest in digests.items():
        if name not in there:
            raise CheckpointError(f"{folder / name}: no such file; the model folder is incomplete")
        if file_sha256(folder / name) != digest:
            raise CheckpointError(
                f"{folder / name}: was changed since the model was written; restore it or adapt anew"
            )


def file_sha256(path: Path) -> str:
    """Checksum of a file."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
