"""Fits on several processors at once, of one big thing that all of them look at."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.pool import ApplyResult
from typing import Any, Generic, Self, TypeVar

from threadpoolctl import threadpool_limits

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")

_shared: Any = None
"""In a fork: what it was given."""


class Forks(Generic[Shared]):
    """Copies of this process, with one thread each, to be used with `with`.

    Not a `falld.tasks.pool`: its workers are spawned, and each would have to be sent hundreds of megabytes.

    Args:
        shared: what the forks have from the start, without a copy of its arrays.
        workers: how many.
    """

    def __init__(self, shared: Shared, workers: int) -> None:
        # What a fork is given when it begins is inherited; a task and its result are pickled.
        self._pool = multiprocessing.get_context("fork").Pool(workers, _begin, (shared,))

    def start(self, function: Callable[[Shared, Task], Result], task: Task) -> ApplyResult[Result]:
        """Have a function of a module called with what is shared and a task."""
        return self._pool.apply_async(_run, (function, task))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """What is still under way is given up."""
        self._pool.terminate()


def _begin(shared: object) -> None:
    global _shared
    _shared = shared


def _run(function: Callable[[Any, Task], Result], task: Task) -> Result:
    """One thread each: several processes with all of a machine's threads keep each other waiting."""
    with threadpool_limits(1):
        return function(_shared, task)
