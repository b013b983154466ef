"""Replays of many recordings, by several processes or a cluster: to the letter what one process says, and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

import falld.replay.tasks
from falld.detect.events import Event
from falld.detect.gate import Finding
from falld.detect.judge import Judge
from falld.detect.learnt import Learnt
from falld.detect.stretch import stretches
from falld.detect.window import GRID_HZ
from falld.replay.recording import Replay, Told, tell, unusable
from falld.replay.tasks import Part, Settings, find_part, tell_batch
from falld.samples.recording import Filed, RecordingError, Unusable
from falld.samples.survey import Survey, name_of
from falld.tasks import fingerprint
from falld.tasks.batches import BATCH_ROWS, Batch, start, weight
from falld.tasks.cache import Cache
from falld.tasks.executor import Executor, Known, Lost, Promise, in_order

LONG_ROWS = 1 << 21
"""A recording with more goes in stretches: 5.8 h at 100 Hz, some seconds that nobody else could help with."""
STRETCH_POINTS = round(1800 * GRID_HZ)
"""Half an hour: 1.8 MB to give away, 0.1 s of work."""

Said = list[tuple[Filed | Unusable, Told]]


class Replays:
    """Says of recordings what `Replay` says, in their order.

    Args:
        settings: of all of them.
        executor: who computes.
        cache: keeps what is said of each.
        long_rows: a recording with more samples goes in stretches.
        points: of a stretch, on the grid.
    """

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        cache: Cache,
        *,
        long_rows: int = LONG_ROWS,
        points: int = STRETCH_POINTS,
    ) -> None:
        self._settings = settings
        self._replay = Replay(settings.loaded(), settings.placement, settings.candidates)
        self._executor = executor
        self._cache = cache
        self._long_rows = long_rows
        self._points = points
        self._made_by = ""
        if cache.kept:
            code = fingerprint.code(falld.replay.tasks.__name__)
            how = settings.sums, settings.placement, settings.candidates, fingerprint.libraries()
            self._made_by = fingerprint.digest("replay", code, repr(how))
        self.computed = 0
        """Recordings of which nothing was kept."""

    def told(self, recordings: Iterable[Filed | Unusable]) -> Iterator[tuple[Filed | Unusable, Told]]:
        """What is said of each of some recordings, which are opened when they are asked for.

        Raises:
            FalldError: a worker sees another file than this process does, or none; the cluster is gone.
        """
        for said in in_order(self._promises(recordings), self._executor.ahead):
            yield from said

    def _promises(self, recordings: Iterable[Filed | Unusable]) -> Iterator[Promise[Said]]:
        batch: list[_Entry] = []
        rows = 0
        for recording in recordings:
            entry = self._entry(recording)
            is_long = entry.told is None and entry.rows > self._long_rows
            if not is_long:
                batch.append(entry)
                rows += entry.weight
            if is_long or rows >= BATCH_ROWS:
                yield self._started(batch)
                batch, rows = [], 0
            if is_long:
                yield from self._in_stretches(entry)
        yield self._started(batch)

    def _entry(self, recording: Filed | Unusable) -> _Entry:
        """What is known of a recording; one that cannot be read is told of at once."""
        if isinstance(recording, Unusable):
            return _Entry(recording, told=Told([unusable(recording, recording.error)]))
        try:
            digest = recording.digest()
        except RecordingError as error:
            return _Entry(recording, told=Told([unusable(recording, error)]))
        key = fingerprint.digest(self._made_by, digest, recording.source, repr(recording.number))
        kept = self._cache.get("replay", key)
        told = None if kept is None else Told(**json.loads(kept["told"].tobytes()))
        return _Entry(recording, recording.rows, digest, key, told)

    def _started(self, entries: list[_Entry]) -> Promise[Said]:
        missing = [entry for entry in entries if entry.told is None]
        if not missing:
            return Known([entry.said() for entry in entries])
        recordings = [entry.recording for entry in missing if not isinstance(entry.recording, Unusable)]
        batch = Batch(self._settings, recordings, [entry.digest for entry in missing])
        return _Batched(self, entries, missing, start(self._executor, tell_batch, batch))

    def _in_stretches(self, entry: _Entry) -> Iterator[Promise[Said]]:
        recording = entry.recording
        assert not isinstance(recording, Unusable)
        try:
            judged = self._replay.judged(recording)
        except RecordingError as error:
            self.settle(entry, Told([unusable(recording, error)]))
            yield Known([entry.said()])
            return
        placement = self._settings.placement or recording.meta.placement
        judge = Judge(self._settings.loaded(), placement, candidates=self._settings.candidates, learnt=Learnt())
        course = _Course(self, entry, recording, judged, self._replay.warnings, judge, [])
        name = name_of(recording.source, recording.number)
        for stretch in stretches(judged.clock, recording.blocks(), self._points):
            part = self._executor.start(find_part, Part(self._settings, name, placement, stretch))
            yield _Stretched(course, part, None if stretch.end is None else stretch.filled)

    def settle(self, entry: _Entry, told: Told | Lost) -> None:
        """This is said of a recording."""
        self.computed += 1
        if isinstance(told, Lost):
            entry.told = Told([unusable(entry.recording, told)])
            return
        entry.told = told
        data = json.dumps({"lines": told.lines, "warnings": told.warnings}).encode()
        self._cache.put("replay", entry.key, {"told": np.frombuffer(data, np.uint8)})


@dataclass(eq=False, slots=True)
class _Entry:
    recording: Filed | Unusable
    rows: int = 0
    digest: str = ""
    key: str = ""
    told: Told | None = None

    @property
    def weight(self) -> int:
        """What it costs to say something of it."""
        return 0 if self.told is not None or isinstance(self.recording, Unusable) else weight(self.recording)

    def said(self) -> tuple[Filed | Unusable, Told]:
        assert self.told is not None
        return self.recording, self.told


@dataclass(frozen=True, slots=True)
class _Batched:
    replays: Replays
    entries: list[_Entry]
    missing: list[_Entry]
    promise: Promise[list[Told | Lost]]

    def result(self) -> Said:
        for entry, one in zip(self.missing, self.promise.result(), strict=True):
            self.replays.settle(entry, one)
        return [entry.said() for entry in self.entries]


@dataclass(slots=True)
class _Course:
    """A recording on its way, stretch by stretch."""

    replays: Replays
    entry: _Entry
    recording: Filed
    judged: Survey
    warnings: list[str]
    judge: Judge
    events: list[Event]
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class _Stretched:
    course: _Course
    promise: Promise[list[Finding]]
    filled: int | None
    """Of the last stretch, in all of them."""

    def result(self) -> Said:
        course = self.course
        try:
            course.events += course.judge.judge(self.promise.result())
        except Lost as error:
            course.lost = error
        if self.filled is None:
            return []
        filled = self.filled
        lines = list(tell(course.recording, course.judged, course.events, lambda: filled))
        course.replays.settle(course.entry, course.lost or Told(lines, course.warnings))
        return [course.entry.said()]
