"""Variants of a method, spelled METHOD@SETTING=VALUE: all else is as in the method."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args, get_type_hints

from molweight.errors import ConfigError
from molweight.solver import LoopConfig
from molweight.tasks.budgets import BUDGETS, Budget
from molweight.tasks.finetune import FinetuneConfig
from molweight.tasks.reweight import ReweightConfig

AT = "@"
FLAGS = {"true": True, "false": False}
# settings of every network
NETWORK = frozenset({"forest", "boosting", *(field.name for field in fields(FinetuneConfig))})
# settings of continued pretraining at weights that are given
CONTINUED = frozenset({"steps", "pretrain_batch", "pretrain_lr", "head_steps", "shared_view"})
NESTED = (Budget, FinetuneConfig, ReweightConfig, LoopConfig)

Config = TypeVar("Config", Budget, FinetuneConfig, ReweightConfig, LoopConfig)


def read_settings(spelled: str) -> dict[str, Any]:
    """Settings of a variant from what follows the method's name.

    Args:
        spelled: SETTING=VALUE, several of them separated by @. Settings are those of `FinetuneConfig`,
            `LoopConfig` and `ReweightConfig`, and `forest` and `boosting`.

    Raises:
        ConfigError: if there is no such setting, or it cannot have that value.

    >>> read_settings("proximal=10@normalise=false")
    {'proximal': 10.0, 'normalise': False}
    """
    hints = {name: hint for config in NESTED for name, hint in get_type_hints(config).items()}
    known = {name: hint for name, hint in hints.items() if hint not in NESTED}
    settings: dict[str, Any] = {}
    for part in spelled.split(AT):
        name, _, value = part.partition("=")
        if name not in known:
            raise ConfigError(f"unknown setting {name!r} of a variant; there are {', '.join(known)}")
        try:
            settings[name] = _read(known[name], value)
            varied(BUDGETS["quick"], settings)
        except ValueError as error:
            raise ConfigError(f"a variant cannot have {part!r}: {error}") from None
    return settings


def varied(config: Config, settings: Mapping[str, Any]) -> Config:
    """A configuration with other settings, its own or those of the configurations in it.

    Raises:
        ValueError: if one cannot have its value.
    """
    own = {field.name: getattr(config, field.name) for field in fields(config)}
    changed: dict[str, Any] = {name: settings[name] for name in own if name in settings}
    for name, value in own.items():
        if isinstance(value, NESTED):
            changed[name] = varied(value, settings)  # type: ignore[type-var]
    return replace(config, **changed)


def base_of(method: str) -> str:
    """The name of the method that a name, perhaps a variant's, is of."""
    return method.partition(AT)[0]


def settings_of(method: str) -> str:
    """What a name has behind that of its method, nothing where it is no variant.

    >>> settings_of("equal@steps=600@forest=true"), settings_of("rf")
    ('@steps=600@forest=true', '')
    """
    return method.removeprefix(base_of(method))


def budget_of(method: str, budget: Budget) -> Budget:
    """What a method of that name, perhaps a variant, makes of a budget."""
    _, at, spelled = method.partition(AT)
    return varied(budget, read_settings(spelled)) if at else budget


def _read(hint: Any, value: str) -> Any:
    """A value as the number or flag that its hint asks for; as a name, where it asks for none."""
    kinds = (hint, *get_args(hint))
    if bool in kinds:
        if value not in FLAGS:
            raise ValueError("must be true or false")
        return FLAGS[value]
    return next((kind for kind in (int, float) if kind in kinds), str)(value)
