"""Recordings that are given away together: small ones cost less to look at than to give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from falld.errors import FalldError
from falld.samples.recording import Filed, RecordingError, Unusable
from falld.samples.survey import name_of
from falld.tasks.executor import Executor, Lost, Promise, Result

BATCH_ROWS = 1 << 18
"""Samples of a batch: some 0.2 s of work, a hundred times what giving it away costs."""
_LEAST_ROWS = 2000
"""What opening a recording costs, in samples."""

How = TypeVar("How")


@dataclass(frozen=True, slots=True)
class Batch(Generic[How]):
    """Recordings, and how they are to be looked at."""

    how: How
    recordings: list[Filed]
    digests: list[str]
    """Of each."""

    def __str__(self) -> str:
        first, last = self.recordings[0], self.recordings[-1]
        name = name_of(first.source, first.number)
        return name if first is last else f"{name} to {name_of(last.source, last.number)}"

    def checked(self) -> Iterator[Filed]:
        """The recordings, each when it is sure to be the one that was meant.

        Raises:
            FalldError: it is not here, or another one.
        """
        remedy = "let all workers see the same files at the same paths, and leave these as they are meanwhile"
        for recording, digest in zip(self.recordings, self.digests, strict=True):
            try:
                found = recording.digest()
            except RecordingError as error:
                raise FalldError(error.where, error.what, remedy) from None
            if found != digest:
                raise FalldError(recording.source, "is another file than the one that was meant", remedy)
            yield recording

    def each(self) -> list[Batch[How]]:
        """Each recording by itself."""
        pairs = zip(self.recordings, self.digests, strict=True)
        return [Batch(self.how, [recording], [digest]) for recording, digest in pairs]


def weight(recording: Filed) -> int:
    """What looking at a recording costs, in samples."""
    return max(recording.rows, _LEAST_ROWS)


def grouped(recordings: Iterable[Filed | Unusable]) -> Iterator[list[Filed | Unusable]]:
    """Neighbours of one file, as many as make a batch."""
    group: list[Filed | Unusable] = []
    rows = 0
    for recording in recordings:
        if group and (rows >= BATCH_ROWS or recording.source != group[-1].source):
            yield group
            group, rows = [], 0
        group.append(recording)
        rows += 0 if isinstance(recording, Unusable) else weight(recording)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Started(Generic[How, Result]):
    who: Executor
    function: Callable[[Batch[How]], list[Result]]
    batch: Batch[How]
    promise: Promise[list[Result]]

    def result(self) -> list[Result | Lost]:
        try:
            return [*self.promise.result()]
        except Lost as error:
            if len(self.batch.recordings) == 1:
                return [error]
        alone: list[Promise[list[Result]]] = [self.who.start(self.function, one) for one in self.batch.each()]
        return [self._one(promise) for promise in alone]

    def _one(self, promise: Promise[list[Result]]) -> Result | Lost:
        try:
            return promise.result()[0]
        except Lost as error:
            return error


def start(
    who: Executor, function: Callable[[Batch[How]], list[Result]], batch: Batch[How]
) -> Promise[list[Result | Lost]]:
    """Have a batch looked at; where it is lost, each of its recordings by itself."""
    return _Started(who, function, batch, who.start(function, batch))
