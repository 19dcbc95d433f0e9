"""JSON that other programs can read."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from molweight.paths import replacing


def write_json(content: object, path: Path, indent: int | None = 1) -> None:
    """Write JSON whole or not at all; what is not finite becomes null.

    Args:
        content: what JSON can hold.
        path: file to write.
        indent: blanks to a level; None for one line.
    """
    with replacing(path) as temporary:
        text = json.dumps(_without_nan(content), indent=indent, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _without_nan(content: Any) -> Any:
    """NaN is not JSON: null in its place."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content
