"""Tasks for workers, by name in a module that they can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from falld.errors import FalldError


def double(n: int) -> int:
    return 2 * n


def environment(names: tuple[str, ...]) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def refuse(n: int) -> int:
    raise FalldError(f"task {n}", "is refused", "ask for another")


def fail(n: int) -> int:
    raise ZeroDivisionError(n)


def die(folder: str) -> int:
    """Ends the worker, as far as the folder holds lives to be lost; then says by whom it was done."""
    for life in Path(folder).iterdir():
        life.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def pid(_: int) -> int:
    return os.getpid()
