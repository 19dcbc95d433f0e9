"""Variants of a method that learns weights, spelled METHOD@SETTING=VALUE: all else is as in the method."""

from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from molweight.errors import ConfigError
from molweight.solver import LoopConfig
from molweight.tasks.reweight import ReweightConfig

AT = "@"
FLAGS = {"true": True, "false": False}


def read_settings(spelled: str) -> dict[str, Any]:
    """Settings of a variant from what follows the method's name.

    Args:
        spelled: SETTING=VALUE, several of them separated by @. Settings are those of `LoopConfig` and
            `ReweightConfig`.

    Raises:
        ConfigError: if there is no such setting, or it cannot have that value.

    >>> read_settings("proximal=10@normalise=false")
    {'proximal': 10.0, 'normalise': False}
    """
    known = {
        name: hint
        for config in (LoopConfig, ReweightConfig)
        for name, hint in get_type_hints(config).items()
        if name != "loop"
    }
    settings: dict[str, Any] = {}
    for part in spelled.split(AT):
        name, _, value = part.partition("=")
        if name not in known:
            raise ConfigError(f"unknown setting {name!r} of a variant; there are {', '.join(known)}")
        try:
            settings[name] = _read(known[name], value)
            varied(ReweightConfig(LoopConfig(steps=1)), settings)
        except ValueError as error:
            raise ConfigError(f"a variant cannot have {part!r}: {error}") from None
    return settings


def varied(config: ReweightConfig, settings: dict[str, Any]) -> ReweightConfig:
    """A configuration with other settings, its own or those of its loop.

    Raises:
        ValueError: if one cannot have its value.
    """
    own = {name: settings[name] for name in settings.keys() & {field.name for field in fields(config)}}
    loop = {name: value for name, value in settings.items() if name not in own}
    return replace(config, loop=replace(config.loop, **loop), **own)


def _read(hint: Any, value: str) -> Any:
    """A value as the number or flag that its hint asks for; as a name, where it asks for none."""
    kinds = (hint, *get_args(hint))
    if bool in kinds:
        if value not in FLAGS:
            raise ValueError("must be true or false")
        return FLAGS[value]
    return next((kind for kind in (int, float) if kind in kinds), str)(value)
