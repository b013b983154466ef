"""What of a changed configuration a home takes over while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from falld.config.schema import Config

AT_START = frozenset({"home", "state_dir", "routes", "detector.bundle", "detector.shadow", "clips.send"})
"""Keys that are read only when falld starts."""


class Change(NamedTuple):
    """From the configuration that runs to the one that is wanted."""

    runs: Config
    """From now on."""
    taken: list[str]
    """Dotted keys that changed."""
    waiting: list[str]
    """Dotted keys that keep the value that runs until falld starts again."""


def change(running: Config, wanted: Config) -> Change:
    """What a running home does about it."""
    different = list(_different(running, wanted, ""))
    waiting = [key for key in different if key in AT_START]
    runs = wanted
    for key in waiting:
        runs = _with(runs, running, key)
    return Change(runs, [key for key in different if key not in AT_START], waiting)


def _different(a: BaseModel, b: BaseModel, at: str) -> Iterator[str]:
    for name in type(a).model_fields:
        old, new, key = getattr(a, name), getattr(b, name), f"{at}{name}"
        if old != new:
            if isinstance(old, BaseModel) and key not in AT_START:
                yield from _different(old, new, f"{key}.")
            else:
                yield key


def _with(model: Config, other: Config, key: str) -> Config:
    """With the other's value of a key."""
    name, _, inner = key.partition(".")
    value = getattr(other, name)
    if inner:
        value = getattr(model, name).model_copy(update={inner: getattr(value, inner)})
    return model.model_copy(update={name: value})
