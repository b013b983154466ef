"""Options that several verbs take."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from falld.config.schema import Config

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


def several(kept: str, more: str = "") -> Callable[[Command], Command]:
    """`--workers`, `--scheduler` and `--work`.

    Args:
        kept: what is kept in the last one's folder.
        more: to be said of a scheduler.
    """
    folder = click.Path(file_okay=False, path_type=Path)
    words = f"Keep {kept} there, and go on from it."

    def add(command: Command) -> Command:
        for option in (
            click.option("--work", type=folder, metavar="FOLDER", help=words),
            click.option(
                "--scheduler",
                metavar="ADDRESS",
                help="Compute on the workers of this Dask scheduler, e.g. tcp://host:8786. They see all files at the"
                " same absolute paths and have the same falld and libraries." + more,
            ),
            click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Compute in so many processes."),
        ):
            command = option(command)
        return command

    return add


def wearer_of(config: Config, given: str | None) -> str:
    """The wearer that is meant: needs no saying where there is one."""
    if given is None and len(config.wearers) > 1:
        known = ", ".join(wearer.id for wearer in config.wearers)
        raise click.UsageError(f"WEARER is missing: this home has several, {known}")
    return config.wearers[0].id if given is None else given
