"""Options that several verbs take."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@contextmanager
def private_files() -> Iterator[None]:
    """What this program writes meanwhile is for its user alone: alerts, clips, copies of what an installer wrote."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def config_file(words: str, **how: Any) -> Callable[[Command], Command]:
    """`-c FILE`, the configuration, as `path`.

    Args:
        words: what it is for.
        how: of `click.option`, e.g. whether it is required.
    """
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("-c", "--config", "path", type=kind, metavar="FILE", help=words, **how)
