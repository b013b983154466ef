"""Who computes tasks: this process, several on this machine, or a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from falld.errors import FalldError

Task = TypeVar("Task")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Lost(FalldError):
    """A task that ended its worker each time it was tried."""


class Promise(Protocol[Result_co]):
    """The result of a task, now or later."""

    def result(self) -> Result_co:
        """Waits for it.

        Raises:
            FalldError: the task did, or it was lost.
        """
        ...


class Executor(Protocol):
    """Computes tasks, somewhere."""

    @property
    def ahead(self) -> int:
        """How many tasks are to be started before the result of the first is asked for, so that nobody is idle."""
        ...

    def start(self, function: Callable[[Task], Result], task: Task) -> Promise[Result]:
        """Have a task computed.

        Args:
            function: of a module, as it is found by name elsewhere.
            task: can be pickled; told by its `str` where it is lost.
        """
        ...

    def close(self) -> None:
        """What is still under way is given up."""
        ...


@dataclass(frozen=True, slots=True)
class Known(Generic[Result]):
    """A result that is there."""

    value: Result

    def result(self) -> Result:
        return self.value


@dataclass(frozen=True, slots=True)
class _Later(Generic[Task, Result]):
    function: Callable[[Task], Result]
    task: Task

    def result(self) -> Result:
        return self.function(self.task)


class Here:
    """This process, when a result is asked for."""

    ahead = 0

    def start(self, function: Callable[[Task], Result], task: Task) -> Promise[Result]:
        return _Later(function, task)

    def close(self) -> None:
        pass


def executor(workers: int | None, scheduler: str | None) -> closing[Executor]:
    """By what a command line says, to be used with `with`.

    Args:
        workers: processes on this machine; None: this one.
        scheduler: address of a Dask cluster's, instead of them.

    Raises:
        FalldError: both are given, or there is no such cluster.
    """
    if scheduler is not None:
        if workers is not None:
            raise FalldError("--scheduler", "comes with --workers", "give one of them: a cluster has its own workers")
        try:
            from falld.tasks.cluster import Cluster
        except ImportError as error:
            raise FalldError("--scheduler", f"needs {error.name}", "pip install 'falld[cluster]'") from None
        return closing(Cluster(scheduler))
    if workers is None or workers == 1:
        return closing(Here())
    from falld.tasks.pool import Pool

    return closing(Pool(workers))


def in_order(promises: Iterable[Promise[Result]], ahead: int) -> Iterator[Result]:
    """The results in the order of the promises, so many of which are asked for beforehand."""
    waiting: deque[Promise[Result]] = deque()
    for promise in promises:
        waiting.append(promise)
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
